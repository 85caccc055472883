/** A value that is replaced from time to time: the newest one, and word of each change. */
export interface Changing<T> {
  readonly current: T
  /** Calls the listener after each change, not for the current value. Answers what ends the subscription. */
  subscribe(listener: (value: T) => void): () => void
}

/** The writer's side of a Changing value. */
export class Changeable<T> implements Changing<T> {
  readonly #listeners = new Set<(value: T) => void>()
  #current: T

  constructor(initial: T) {
    this.#current = initial
  }

  get current(): T {
    return this.#current
  }

  set(value: T): void {
    this.#current = value
    for (const listener of this.#listeners) listener(value)
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
