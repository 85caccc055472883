import type { IssuedSerial } from './serial-ledger.ts'

/**
 * Certificates of one pod that may be good at once. A sidecar that runs needs three; one that crashes whenever it starts is
 * started 288 times in a day, the default lifetime, and must get one all the same once its trouble is over.
 */
export const mostLive = 320

/** Pods that are remembered as full; the oldest are forgotten first, and get one more certificate each. */
const remembered = 10_000

/**
 * Which pods have as many certificates as a pod may, so that none fills the ledger that it shares with others. Knows what
 * the ledger answered last: what other replicas issued counts from this one's next write on, and what is asked for
 * together may come out a burst above.
 */
export class LiveSerials {
  readonly #now: () => number
  /** By pod UID, the moment from which on there is room again. */
  readonly #fullUntil = new Map<string, number>()

  /** `now` in milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now
  }

  isFull(podUid: string): boolean {
    const until = this.#fullUntil.get(podUid)
    if (until === undefined) return false
    if (until > this.#now()) return true
    this.#fullUntil.delete(podUid)
    return false
  }

  /** Takes all serials of a pod that was just given one. */
  look(podUid: string, serials: readonly IssuedSerial[]): void {
    const ends = serials.map(({ notAfter }) => notAfter).toSorted((a, b) => (a < b ? 1 : -1))
    this.#fullUntil.delete(podUid)
    const until = ends[mostLive - 1]
    if (until === undefined || until <= this.#now()) return
    this.#fullUntil.set(podUid, until)
    const [oldest] = this.#fullUntil.keys()
    if (this.#fullUntil.size > remembered && oldest !== undefined) this.#fullUntil.delete(oldest)
  }
}
