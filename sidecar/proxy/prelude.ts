import type { Leg } from './leg.ts'
import type { Carried } from './pump.ts'

/** Bytes kept at most; the application is not read beyond them until the far end has answered. */
const limit = 64 * 1024

/**
 * What the application sends before the far end has answered. It goes out at once, so that no round trip is waited
 * for, and is kept, so that it can go to another endpoint when the first one never looked at it.
 */
export class Prelude {
  readonly #client: Leg
  readonly #carried: Carried
  readonly #kept: Buffer[] = []
  #size = 0
  #ended = false
  #far: Leg | undefined
  /** Rejects when the application went away meanwhile. */
  readonly lost: Promise<never>

  /** Starts to read the application. `pump` takes the leg over later by reading it itself. */
  constructor(client: Leg, carried: Carried) {
    this.#client = client
    this.#carried = carried
    const { promise, reject } = Promise.withResolvers<never>()
    this.lost = promise
    // Nobody may be waiting for it when it happens.
    promise.catch(() => {})
    client.read({
      data: (bytes) => this.#take(bytes),
      ended: () => {
        this.#ended = true
        this.#far?.end()
      },
      aborted: reject,
      drained: () => {},
      closed: () => {},
    })
    client.resume()
  }

  /** Sends everything so far to `far`, and what comes from now on. */
  feed(far: Leg): void {
    this.#far = far
    for (const bytes of this.#kept) far.write(bytes)
    if (this.#ended) far.end()
  }

  #take(bytes: Buffer): void {
    this.#kept.push(Buffer.from(bytes))
    this.#size += bytes.length
    this.#carried.sent += bytes.length
    this.#far?.write(bytes)
    if (this.#size >= limit) this.#client.pause()
  }
}
