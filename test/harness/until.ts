import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds. */
export interface Patience {
  /** 10 s by default. */
  readonly timeout?: number
  /** Between attempts; starts at 5 and doubles up to this, 50 by default. */
  readonly interval?: number
  readonly signal?: AbortSignal
}

/**
 * Repeats an attempt until it answers something other than undefined or false. What it throws counts as not yet, and is
 * the cause of the error when time runs out. `what` completes the sentence "waited for ...".
 */
export async function until<T>(
  what: string,
  attempt: () => T | Promise<T>,
  { timeout = 10_000, interval = 50, signal }: Patience = {},
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + timeout
  let cause: unknown
  for (let wait = 5; ; wait = Math.min(wait * 2, interval)) {
    try {
      const answer = await attempt()
      if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>
      cause = undefined
    } catch (error) {
      cause = error
    }
    signal?.throwIfAborted()
    if (performance.now() >= deadline) break
    await sleep(wait, undefined, { signal })
  }
  const reason = cause instanceof Error ? `: ${cause.message}` : ''
  throw new Error(`waited ${timeout / 1_000} s for ${what}${reason}`, { cause })
}
