import { Backoff } from './backoff.ts'
import { sleep } from './lifetime.ts'
import { type Lifetime, renewalTime } from './renewal-time.ts'

export interface RenewingOptions<T extends Lifetime> {
  /** Makes a new one; rejects when that fails. */
  readonly obtain: () => Promise<T>
  /** Told of each failure with the one that stays, whose own end may be near. */
  readonly failed: (error: unknown, current: T | undefined) => void
}

/** Rests at most so long, in milliseconds, before it looks at the clock again. */
const restLimit = 30_000

/** A certificate, say, that is obtained, renewed at half-life, and kept while renewal fails. */
export class Renewing<T extends Lifetime> {
  readonly #options: RenewingOptions<T>
  readonly #listeners = new Set<(renewed: T) => void>()
  #current: T | undefined
  #renewAt = 0
  #moved: (() => void) | undefined

  constructor(options: RenewingOptions<T>) {
    this.#options = options
  }

  current(): T | undefined {
    return this.#current
  }

  /** Calls the listener after every renewal. */
  onRenewed(listener: (renewed: T) => void): void {
    this.#listeners.add(listener)
  }

  /** Renews now instead of at half-life; rejects when no new one can be had. */
  async renew(): Promise<T> {
    const asked = Date.now()
    const renewed = await this.#options.obtain()
    this.#current = renewed
    // Authorities date back for clocks that are behind; of a short life that is most, and already over.
    const life = { notBefore: Math.max(renewed.notBefore, asked), notAfter: renewed.notAfter }
    // A lifetime that was clipped to nearly nothing must not make a loop of renewals.
    this.#renewAt = Math.max(renewalTime(life, Math.random()), Date.now() + 1_000)
    for (const listener of this.#listeners) listener(renewed)
    this.#moved?.()
    return renewed
  }

  /**
   * Renews within so many milliseconds, at a moment drawn at random, unless that is due sooner: whoever hears of the same
   * reason at the same time does not come at the same time.
   */
  hasten(within: number): void {
    this.#renewAt = Math.min(this.#renewAt, Date.now() + Math.random() * within)
    this.#moved?.()
  }

  /** Obtains and renews until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ minimum: 200, maximum: 30_000 })
    while (!signal.aborted) {
      if (Date.now() < this.#renewAt) {
        await this.#rest(signal)
        continue
      }
      try {
        await this.renew()
        backoff.reset()
      } catch (error) {
        this.#options.failed(error, this.#current)
        await sleep(backoff.next(), signal)
      }
    }
  }

  /** Waits for the renewal time for a while, or until another renewal has moved it. */
  async #rest(signal: AbortSignal): Promise<void> {
    const moved = new AbortController()
    this.#moved = () => moved.abort()
    // A certificate ends by the clock on the wall, and timers know nothing of it: they stand still while the machine
    // sleeps, and a clock that is put forward does not move them.
    const wait = Math.min(this.#renewAt - Date.now(), restLimit)
    await sleep(wait, AbortSignal.any([signal, moved.signal]))
  }
}
