export interface RateLimitOptions {
  /** Requests that may come at once. */
  readonly burst: number
  /** Requests a second after that. */
  readonly perSecond: number
  /** Milliseconds; a port for tests. */
  readonly now?: () => number
}

interface Bucket {
  tokens: number
  at: number
}

/** Above this many buckets, those that are full again are forgotten; they say nothing. */
const sweepAbove = 10_000

/** A token bucket for each key. */
export class RateLimit {
  readonly #options: RateLimitOptions
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RateLimitOptions) {
    this.#options = options
  }

  /** Takes one token of the key's bucket; false when it is empty. */
  take(key: string): boolean {
    const now = (this.#options.now ?? Date.now)()
    const tokens = this.#tokens(key, now)
    if (tokens < 1) return false
    if (this.#buckets.size >= sweepAbove) this.#sweep(now)
    this.#buckets.set(key, { tokens: tokens - 1, at: now })
    return true
  }

  #tokens(key: string, now: number): number {
    const { burst, perSecond } = this.#options
    const bucket = this.#buckets.get(key)
    if (!bucket) return burst
    return Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1_000) * perSecond)
  }

  #sweep(now: number): void {
    for (const key of this.#buckets.keys()) {
      if (this.#tokens(key, now) >= this.#options.burst) this.#buckets.delete(key)
    }
  }
}
