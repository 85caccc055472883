import type { Log } from '#runtime/log.ts'
import type { Counter } from '#runtime/metrics.ts'
import type { Caller } from '../tokens.ts'
import type { IssuedSerial } from './serial-ledger.ts'

export interface SurplusKeysOptions {
  /** Milliseconds that a certificate is good for. */
  readonly lifetime: number
  readonly log: Log
  readonly counted: Counter
  readonly now: () => number
}

/** Pods that are remembered as told; the oldest are forgotten first. */
const remembered = 10_000

/**
 * Notices that a pod has more keys than its sidecar makes. One renews at two fifths of a certificate's life at the
 * earliest, so that at most two certificates of a pod are in the first half of theirs. A third one says that the sidecar
 * was started again, or that somebody else holds the pod's token.
 */
export class SurplusKeys {
  readonly #options: SurplusKeysOptions
  readonly #told = new Set<string>()

  constructor(options: SurplusKeysOptions) {
    this.#options = options
  }

  /** Takes all live serials of a pod that was just given one; tells of each pod once. */
  look({ namespace, podName, podUid }: Caller, serials: readonly IssuedSerial[]): void {
    const { lifetime, log, counted, now } = this.#options
    const fresh = serials.filter(({ notAfter }) => notAfter - now() > lifetime / 2)
    if (fresh.length <= 2 || this.#told.has(podUid)) return
    this.#remember(podUid)
    counted.inc()
    log.warn(
      'a pod has more keys than renewals make: it was started again, or somebody else holds its token',
      {
        pod: `${namespace}/${podName}`,
        podUid,
        serials: fresh.map(({ serial }) => serial),
      },
    )
  }

  #remember(podUid: string): void {
    this.#told.add(podUid)
    const [oldest] = this.#told
    if (this.#told.size > remembered && oldest !== undefined) this.#told.delete(oldest)
  }
}
