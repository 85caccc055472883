import { mostLive } from './live-serials.ts'
import type { IssuedSerial } from './serial-ledger.ts'

/** Milliseconds after its end for which somebody whose clock is behind may believe a certificate. */
export const believedAfterEnd = 600_000

/** The newest serials of a pod, which all retention is for: more than are ever good at once. */
const newest = 2 * mostLive

const day = 86_400_000

/**
 * Milliseconds after their certificates' end for which serials are kept: as long again as certificates are good for, by
 * default a day, so that a leader whose clock is ahead by that forgets none that is good. At most a day: then the room of
 * a ledger holds half as many pods, whatever the lifetime.
 */
export function retentionFor(lifetime: number): number {
  return Math.min(Math.max(lifetime, believedAfterEnd), day)
}

/**
 * Those of one pod's serials that may be forgotten at `now`, in milliseconds since 1970. Of a pod that asks for
 * certificates which end at once the newest alone are kept for all of `retention`.
 */
export function forgettable(
  ofPod: readonly IssuedSerial[],
  retention: number,
  now: number,
): readonly IssuedSerial[] {
  return ofPod
    .toSorted((a, b) => (a.notAfter < b.notAfter ? 1 : -1))
    .filter(({ notAfter }, rank) => notAfter + (rank < newest ? retention : believedAfterEnd) <= now)
}
