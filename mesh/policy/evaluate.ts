import type { Authorization, Rule } from './authorization.ts'
import type { ConnectionFacts, Decision, Denial, DenialReason, Permit, PolicyRule } from './decision.ts'
import { matchHolds } from './match.ts'

/** The policies that hold on one workload, looked up and sorted once, so that judging a connection looks up nothing. */
export interface WorkloadPolicies {
  readonly deny: readonly Authorization[]
  readonly allow: readonly Authorization[]
  readonly dryRunDeny: readonly Authorization[]
  readonly dryRunAllow: readonly Authorization[]
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

  const denied = firstMatching(policies.deny, facts)
  if (denied !== undefined) return denial({ kind: 'deny_matched', by: denied })

  if (policies.allow.length === 0) return permit(undefined, wouldDeny(facts, policies))

  const allowed = firstMatching(policies.allow, facts)
  if (allowed !== undefined) return permit(allowed, wouldDeny(facts, policies))

  return denial(noneOf(policies.allow))
}

/** Looks up the policies that a workload names. A name that is listed twice counts once. */
export function workloadPolicies(
  names: readonly string[],
  authorizations: ReadonlyMap<string, Authorization>,
): WorkloadPolicies {
  const unique = [...new Set(names)]
  const known = unique.flatMap((name) => authorizations.get(name) ?? [])
  const select = (action: Authorization['action'], dryRun: boolean) =>
    known.filter((policy) => policy.action === action && policy.dryRun === dryRun)
  return {
    deny: select('deny', false),
    allow: select('allow', false),
    dryRunDeny: select('deny', true),
    dryRunAllow: select('allow', true),
    missing: unique.filter((name) => !authorizations.has(name)),
  }
}

/**
 * What would deny a permitted connection if the dry-run policies were enforced as well. A dry-run ALLOW can only
 * do so where no ALLOW is enforced: beside an ALLOW that matched, one more takes nothing away.
 */
function wouldDeny(facts: ConnectionFacts, policies: WorkloadPolicies): readonly DenialReason[] {
  const { dryRunDeny, dryRunAllow, allow } = policies
  const reasons: DenialReason[] = dryRunDeny.flatMap((policy) => {
    const by = matchingRule(policy, facts)
    return by === undefined ? [] : [{ kind: 'deny_matched', by }]
  })
  const closes = allow.length === 0 && dryRunAllow.length > 0
  if (closes && firstMatching(dryRunAllow, facts) === undefined) reasons.push(noneOf(dryRunAllow))
  return reasons
}

function firstMatching(policies: readonly Authorization[], facts: ConnectionFacts): PolicyRule | undefined {
  for (const policy of policies) {
    const by = matchingRule(policy, facts)
    if (by !== undefined) return by
  }
  return undefined
}

function matchingRule(policy: Authorization, facts: ConnectionFacts): PolicyRule | undefined {
  const rule = policy.rules.findIndex((rule) => ruleMatches(rule, facts))
  return rule === -1 ? undefined : { policy: policy.key, rule }
}

/** Nothing demanded is nothing failed: a rule without clauses, or a clause without matches, holds for everybody. */
function ruleMatches(rule: Rule, facts: ConnectionFacts): boolean {
  return rule.clauses.every(
    ({ matches }) => matches.length === 0 || matches.some((match) => matchHolds(match, facts)),
  )
}

function noneOf(policies: readonly Authorization[]): DenialReason {
  return { kind: 'no_allow_matched', policies: policies.map((policy) => policy.key) }
}

function denial(reason: DenialReason): Denial {
  return { kind: 'denial', reason }
}

function permit(by: PolicyRule | undefined, wouldDeny: readonly DenialReason[]): Permit {
  return { kind: 'permit', by, wouldDeny } as Permit
}
