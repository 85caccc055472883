import type { Log } from '#runtime/log.ts'
import type { SerialLedger } from './serial-ledger.ts'

export interface PruningOptions {
  /** Whether it is this process that tidies up; of several replicas one does. */
  readonly leads?: () => boolean
  readonly log: Log
  /** Milliseconds between times; ten minutes by default. */
  readonly interval?: number
}

/** Has the ledger forget what expired long ago, from time to time. What fails is tried the next time. */
export function pruneRegularly(ledger: SerialLedger, options: PruningOptions): Disposable {
  const { leads = () => true, log, interval = 600_000 } = options
  let running = false
  const timer = setInterval(() => {
    if (running || !leads()) return
    running = true
    void ledger
      .prune()
      .catch((error: unknown) =>
        log.warn('expired serials could not be removed; it is tried again', { error }),
      )
      .finally(() => (running = false))
  }, interval).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
