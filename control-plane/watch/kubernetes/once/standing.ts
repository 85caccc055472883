import type { PolicyObject } from '../objects/policy.ts'
import { type Judgement, meanwhile, versionBefore } from '../state/policies.ts'

/** How far what a policy object says now is what sidecars enforce, as far as the object tells. */
export type Standing =
  | { readonly kind: 'in-force' }
  /** The control plane has not said yet that it has seen this version. */
  | { readonly kind: 'pending' }
  /** Refused; what holds in its place follows from the object. */
  | { readonly kind: 'refused'; readonly why: string }
  /** Something holds that no object says: only sidecars know it. */
  | { readonly kind: 'unknown'; readonly why: string }

/** Compares what this weft makes of a policy with what the control plane has written into its status. Pure. */
export function standingOf(
  { conditions, generation }: Pick<PolicyObject, 'conditions' | 'generation'>,
  judgement: Judgement,
): Standing {
  const said = conditions.find(({ type }) => type === 'Accepted')
  const current = said !== undefined && said.observedGeneration >= generation
  if (judgement.kind === 'accepted') {
    if (!current) return { kind: 'pending' }
    if (said.status === 'True') return { kind: 'in-force' }
    return { kind: 'unknown', why: `the control plane refuses it, which this weft does not: ${said.message}` }
  }
  const problems = judgement.problems.join('; ')
  if (!current) {
    return { kind: 'unknown', why: `it is refused, and no status says what holds in its place: ${problems}` }
  }
  if (said.status === 'True') {
    return { kind: 'unknown', why: `the control plane accepts it, which this weft does not: ${problems}` }
  }
  return said.message.endsWith(versionBefore)
    ? { kind: 'unknown', why: `it is refused and ${versionBefore}: ${problems}` }
    : { kind: 'refused', why: `it is refused, and ${meanwhile(judgement)}: ${problems}` }
}
