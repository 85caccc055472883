import type { Authorization } from './authorization.ts'
import type { ConnectionFacts, Decision, Denial, DenialReason, Permit, PolicyRule } from './decision.ts'
import { type PolicySet, policySet } from './policy-set.ts'

/** The policies that hold on one workload, looked up and sorted once, so that judging a connection looks up nothing. */
export interface WorkloadPolicies {
  readonly deny: PolicySet
  readonly allow: PolicySet
  readonly dryRunDeny: PolicySet
  readonly dryRunAllow: PolicySet
  /** Named by the workload, and not known: as long as there is one, nobody is admitted. */
  readonly missing: readonly string[]
}

/**
 * Judges a connection; the only maker of a Permit.
 *
 * In this order: a missing policy denies, a DENY that matches denies, no ALLOW at all permits, an ALLOW that
 * matches permits, else denied.
 */
export function evaluate(facts: ConnectionFacts, policies: WorkloadPolicies): Decision {
  const missing = policies.missing[0]
  if (missing !== undefined) return denial({ kind: 'policy_missing', policy: missing })

  const denied = policies.deny.first(facts)
  if (denied !== undefined) return denial({ kind: 'deny_matched', by: denied })

  if (isEmpty(policies.allow)) return permit(undefined, wouldDeny(facts, policies))

  const allowed = policies.allow.first(facts)
  if (allowed !== undefined) return permit(allowed, wouldDeny(facts, policies))

  return denial(policies.allow.noneMatched)
}

/**
 * Looks up the policies that a workload names. A name that is listed twice counts once. Of what was looked up before,
 * sets that are the same still are kept, with the index that they may have built.
 */
export function workloadPolicies(
  names: readonly string[],
  authorizations: ReadonlyMap<string, Authorization>,
  before?: WorkloadPolicies,
): WorkloadPolicies {
  const unique = [...new Set(names)]
  const known = unique.flatMap((name) => authorizations.get(name) ?? [])
  const select = (action: Authorization['action'], dryRun: boolean, set: PolicySet | undefined) => {
    const policies = known.filter((policy) => policy.action === action && policy.dryRun === dryRun)
    return set !== undefined && sameItems(set.policies, policies) ? set : policySet(policies)
  }
  return {
    deny: select('deny', false, before?.deny),
    allow: select('allow', false, before?.allow),
    dryRunDeny: select('deny', true, before?.dryRunDeny),
    dryRunAllow: select('allow', true, before?.dryRunAllow),
    missing: unique.filter((name) => !authorizations.has(name)),
  }
}

/**
 * What would deny a permitted connection if the dry-run policies were enforced as well. A dry-run ALLOW can only
 * do so where no ALLOW is enforced: beside an ALLOW that matched, one more takes nothing away.
 */
function wouldDeny(facts: ConnectionFacts, policies: WorkloadPolicies): readonly DenialReason[] {
  const { dryRunDeny, dryRunAllow, allow } = policies
  const reasons: DenialReason[] = dryRunDeny.every(facts).map((by) => ({ kind: 'deny_matched', by }))
  const closes = isEmpty(allow) && !isEmpty(dryRunAllow)
  if (closes && dryRunAllow.first(facts) === undefined) reasons.push(dryRunAllow.noneMatched)
  return reasons
}

function isEmpty({ policies }: PolicySet): boolean {
  return policies.length === 0
}

function sameItems<Item>(a: readonly Item[], b: readonly Item[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i])
}

function denial(reason: DenialReason): Denial {
  return { kind: 'denial', reason }
}

function permit(by: PolicyRule | undefined, wouldDeny: readonly DenialReason[]): Permit {
  return { kind: 'permit', by, wouldDeny } as Permit
}
