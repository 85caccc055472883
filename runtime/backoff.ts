export interface BackoffOptions {
  /** First wait, in milliseconds. */
  readonly minimum: number
  /** Longest wait, in milliseconds. */
  readonly maximum: number
  /** Yields 0 to 1; a port for tests. */
  readonly random?: () => number
}

/** Waits that double up to a maximum, each drawn from its upper half so that many clients do not meet. */
export class Backoff {
  readonly #options: BackoffOptions
  #current: number

  constructor(options: BackoffOptions) {
    this.#options = options
    this.#current = options.minimum
  }

  /** Milliseconds to wait now. */
  next(): number {
    const random = this.#options.random ?? Math.random
    const wait = this.#current * (0.5 + random() / 2)
    this.#current = Math.min(this.#current * 2, this.#options.maximum)
    return wait
  }

  reset(): void {
    this.#current = this.#options.minimum
  }
}
