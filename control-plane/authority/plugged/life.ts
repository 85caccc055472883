import type { Signer } from '../certificate.ts'
import { endOf } from '../issue.ts'

const day = 86_400_000

/** How near the end of its chain an authority is; undefined while that is far. */
export type Urgency = 'soon' | 'urgent'

/** 30 and 7 days before the end, or in the last quarter and the last eighth of a life that is short. */
export function urgencyOf(signer: Signer, now: number): Urgency | undefined {
  const end = endOf(signer)
  const life = end - signer.certificate.validFromDate.getTime()
  if (end - now <= Math.min(7 * day, life / 8)) return 'urgent'
  return end - now <= Math.min(30 * day, life / 4) ? 'soon' : undefined
}
