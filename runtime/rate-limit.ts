export interface RateLimitOptions {
  /** Requests that may come at once. */
  readonly burst: number
  /** Requests a second after that. */
  readonly perSecond: number
  /** Milliseconds of a clock that nobody sets, which is the default; a port for tests. */
  readonly now?: () => number
}

interface Bucket {
  readonly tokens: number
  readonly at: number
}

/** Buckets that are kept; those that were used least lately are forgotten first, and are most likely full again. */
const kept = 10_000

/** A token bucket for each key. */
export class RateLimit {
  readonly #options: RateLimitOptions
  /** The one that was used last is the last. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(options: RateLimitOptions) {
    this.#options = options
  }

  /** Takes one token of the key's bucket; false when it is empty. */
  take(key: string): boolean {
    const now = this.#now()
    const tokens = this.#tokens(key, now)
    if (tokens < 1) return false
    this.#keep(key, { tokens: tokens - 1, at: now })
    return true
  }

  isEmpty(key: string): boolean {
    return this.#tokens(key, this.#now()) < 1
  }

  /** Puts back a token that was taken and not used. */
  giveBack(key: string): void {
    const now = this.#now()
    this.#keep(key, { tokens: Math.min(this.#options.burst, this.#tokens(key, now) + 1), at: now })
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now()
  }

  #tokens(key: string, now: number): number {
    const { burst, perSecond } = this.#options
    const bucket = this.#buckets.get(key)
    if (!bucket) return burst
    return Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1_000) * perSecond)
  }

  #keep(key: string, bucket: Bucket): void {
    this.#buckets.delete(key)
    if (bucket.tokens < this.#options.burst) this.#buckets.set(key, bucket)
    const [oldest] = this.#buckets.size > kept ? this.#buckets.keys() : []
    if (oldest !== undefined) this.#buckets.delete(oldest)
  }
}
