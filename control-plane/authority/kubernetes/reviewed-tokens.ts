import { createHash } from 'node:crypto'
import { type Caller, TokenRefused } from '../tokens.ts'

export interface ReviewedTokensOptions {
  readonly review: (token: string) => Promise<Caller>
  /** Milliseconds since 1970; a port for tests. */
  readonly now?: () => number
}

/** Milliseconds. What a pod may do is judged anew each time; only who presents the token is remembered. */
const acceptedFor = 30_000
/** Milliseconds; short, because a token that is refused now may be one of a pod that is just being made. */
const refusedFor = 2_000
/** Tokens that are remembered; the oldest are forgotten first. */
const limit = 20_000

type Verdict = { readonly until: number } & ({ readonly caller: Caller } | { readonly refused: TokenRefused })

/**
 * Remembers for a moment what the API server said of a token, so that thousands of sidecars that come back at once ask
 * it once each. No token is kept, only its hash.
 */
export class ReviewedTokens {
  readonly #options: ReviewedTokensOptions
  readonly #verdicts = new Map<string, Verdict>()
  readonly #asking = new Map<string, Promise<Caller>>()

  constructor(options: ReviewedTokensOptions) {
    this.#options = options
  }

  /** Rejects as `review` does. */
  async callerOf(token: string): Promise<Caller> {
    const key = createHash('sha256').update(token).digest('base64url')
    const known = this.#verdicts.get(key)
    if (known && known.until > this.#now()) {
      if ('refused' in known) throw known.refused
      return known.caller
    }
    const asked = this.#asking.get(key) ?? this.#ask(key, token)
    return asked
  }

  #ask(key: string, token: string): Promise<Caller> {
    const asking = this.#review(key, token).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  async #review(key: string, token: string): Promise<Caller> {
    try {
      const caller = await this.#options.review(token)
      this.#remember(key, { caller, until: Math.min(this.#now() + acceptedFor, expiryOf(token)) })
      return caller
    } catch (error) {
      // That it could not be judged is nothing to remember.
      if (error instanceof TokenRefused)
        this.#remember(key, { refused: error, until: this.#now() + refusedFor })
      throw error
    }
  }

  #remember(key: string, verdict: Verdict): void {
    this.#verdicts.delete(key)
    this.#verdicts.set(key, verdict)
    if (this.#verdicts.size <= limit) return
    const [oldest] = this.#verdicts.keys()
    if (oldest !== undefined) this.#verdicts.delete(oldest)
  }

  #now(): number {
    return (this.#options.now ?? Date.now)()
  }
}

/** When an accepted token ends, in milliseconds since 1970; at once for one that does not say. */
function expiryOf(token: string): number {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      exp?: unknown
    }
    return typeof claims.exp === 'number' ? claims.exp * 1_000 : 0
  } catch {
    return 0
  }
}
