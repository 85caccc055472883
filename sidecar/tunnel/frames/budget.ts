/** Allows `burst` events at once and `perSecond` in the long run. */
export class Budget {
  readonly #burst: number
  readonly #perSecond: number
  readonly #now: () => number
  #left: number
  #filledAt: number

  /** `now` yields milliseconds. */
  constructor(burst: number, perSecond: number, now: () => number = () => performance.now()) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#now = now
    this.#left = burst
    this.#filledAt = now()
  }

  /** Spends one; false when nothing is left. */
  take(): boolean {
    if (this.exhausted) return false
    this.#left -= 1
    return true
  }

  /** Whether nothing is left. The clock is only asked then. */
  get exhausted(): boolean {
    if (this.#left >= 1) return false
    const now = this.#now()
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#filledAt) / 1_000) * this.#perSecond)
    this.#filledAt = now
    return this.#left < 1
  }
}
