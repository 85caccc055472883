import type { DoorMetrics } from './door-metrics.ts'
import type { Log } from './log.ts'
import { RateLimit } from './rate-limit.ts'

export interface BodyBudgetOptions {
  /** Bytes of all bodies together. */
  readonly limit: number
  /** Where those that had to go are counted; nowhere by default. */
  readonly metrics?: Pick<DoorMetrics, 'refused'>
  readonly log: Log
}

/** What is kept of one request's body until the request is answered; disposing of it gives the bytes back. */
export interface HeldBody extends Disposable {
  /** Says how many bytes are kept for it by now. */
  resize(bytes: number): void
}

interface Holding {
  readonly address: string
  readonly giveUp: () => void
  size: number
}

/**
 * Bounds what the bodies of all requests take together. Whoever holds most gives up its largest, so that one caller that
 * sends and never ends keeps nobody else out.
 */
export class BodyBudget {
  readonly #options: BodyBudgetOptions
  readonly #held = new Set<Holding>()
  /** One line a minute and address. */
  readonly #told = new RateLimit({ burst: 1, perSecond: 1 / 60 })
  #total = 0

  constructor(options: BodyBudgetOptions) {
    this.#options = options
  }

  /** Bytes that are held now. */
  get total(): number {
    return this.#total
  }

  /** Begins to hold a body from an address; `giveUp` is called, at most once, when it has to go, and ends its request. */
  hold(address: string, giveUp: () => void): HeldBody {
    const holding: Holding = { address, giveUp, size: 0 }
    this.#held.add(holding)
    return {
      resize: (bytes) => this.#resize(holding, bytes),
      [Symbol.dispose]: () => this.#release(holding),
    }
  }

  #resize(holding: Holding, bytes: number): void {
    if (!this.#held.has(holding)) return
    this.#total += bytes - holding.size
    holding.size = bytes
    while (this.#total > this.#options.limit) this.#makeRoom()
  }

  #release(holding: Holding): void {
    if (this.#held.delete(holding)) this.#total -= holding.size
  }

  #makeRoom(): void {
    const { limit, metrics, log } = this.#options
    const sums = new Map<string, number>()
    for (const { address, size } of this.#held) sums.set(address, (sums.get(address) ?? 0) + size)
    const [address] = [...sums].reduce((most, each) => (each[1] > most[1] ? each : most))
    const largest = [...this.#held]
      .filter((holding) => holding.address === address)
      .reduce((most, each) => (each.size > most.size ? each : most))
    this.#release(largest)
    metrics?.refused.inc({ reason: 'body_made_room' })
    if (this.#told.take(address)) {
      log.warn('the bodies of requests are too many bytes; an address with most of them is cut', {
        address,
        limit,
      })
    }
    largest.giveUp()
  }
}
