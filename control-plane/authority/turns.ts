/** A place among the few that a key has. */
export interface Turn extends Disposable {
  /** Resolves once it is this one's turn. */
  readonly come: Promise<void>
}

interface Queue {
  taken: number
  readonly waiting: (() => void)[]
}

/** Lets so many of each key go on at once, and the others wait, in the order in which they came. */
export class Turns {
  readonly #most: number
  readonly #queues = new Map<string, Queue>()

  constructor(most: number) {
    this.#most = most
  }

  /** The turn is to be disposed of, also when it has not come. */
  ask(key: string): Turn {
    const queue = this.#queues.get(key) ?? { taken: 0, waiting: [] }
    this.#queues.set(key, queue)
    const { promise: come, resolve } = Promise.withResolvers<void>()
    if (queue.taken < this.#most) {
      queue.taken++
      resolve()
    } else queue.waiting.push(resolve)
    return { come, [Symbol.dispose]: () => this.#leave(key, queue, resolve) }
  }

  #leave(key: string, queue: Queue, begin: () => void): void {
    const place = queue.waiting.indexOf(begin)
    if (place >= 0) queue.waiting.splice(place, 1)
    else {
      const next = queue.waiting.shift()
      if (next) next()
      else if (--queue.taken === 0) this.#queues.delete(key)
    }
  }
}
