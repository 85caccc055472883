import { Backoff } from '#runtime/backoff.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import type { ApiClient } from '../api/client.ts'
import { isAbsent, isExpired } from '../api/errors.ts'
import type { Cache } from './cache.ts'
import { Follower, type FollowerTiming } from './follower.ts'
import type { Kept, Kind } from './kind.ts'
import type { WatchMetrics } from './metrics.ts'

export interface ListAndWatchOptions {
  readonly client: ApiClient
  readonly signal: AbortSignal
  readonly log: Log
  readonly metrics: WatchMetrics
  readonly timing?: Partial<WatchTiming>
}

/** All in milliseconds. */
export interface WatchTiming extends FollowerTiming {
  /** Waits after failures. */
  readonly backoff: { readonly minimum: number; readonly maximum: number }
}

const defaultTiming: WatchTiming = {
  watch: 50_000,
  silence: 60_000,
  relist: 600_000,
  backoff: { minimum: 200, maximum: 20_000 },
}

/** Milliseconds that a watch has stood after which its end is no failure. */
const steady = 500

/**
 * Keeps a cache in step with the API server until the signal aborts: list, watch from there, resume where a watch
 * ended, list again where that is not possible or has not been done for long. Never rejects; while the API server is
 * away the cache keeps what it has.
 */
export async function listAndWatch<T extends Kept>(
  kind: Kind<T>,
  cache: Cache<T>,
  options: ListAndWatchOptions,
): Promise<void> {
  const { signal, log, metrics } = options
  const timing = { ...defaultTiming, ...options.timing }
  const backoff = new Backoff(timing.backoff)
  let told: string | undefined
  let since = Number.POSITIVE_INFINITY
  const stood = () => performance.now() - since > steady
  const watching = () => {
    since = performance.now()
    if (told !== undefined) log.info('watching again', { kind: kind.name })
    told = undefined
  }
  const follower = new Follower(kind, cache, { ...options, timing, watching })
  while (!signal.aborted) {
    since = Number.POSITIVE_INFINITY
    try {
      await follower.step()
      // An API server that ends every watch at once must not be asked without pause.
      if (stood()) backoff.reset()
      else await sleep(backoff.next(), signal)
    } catch (error) {
      if (signal.aborted) return
      metrics.failures.inc({ kind: kind.name })
      if (isExpired(error)) follower.startOver()
      const absent = kind.optional === true && isAbsent(error)
      if (absent) follower.absent()
      const message = absent ? notInstalled : error instanceof Error ? error.message : String(error)
      // Once is enough while nothing changes: an API server that is away would fill the log.
      if (message !== told) {
        log.warn(absent ? notInstalled : 'a watch failed; what is known stays', { kind: kind.name, error })
      }
      told = message
      // An attempt that took long to fail is no reason to be in a hurry.
      if (stood()) backoff.reset()
      await sleep(backoff.next(), signal)
    }
  }
}

const notInstalled = 'the API server does not know this kind; what was known stays, and it is asked again'
