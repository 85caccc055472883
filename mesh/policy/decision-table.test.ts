import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Decision, DenialReason, PolicyRule } from './decision.ts'
import { evaluate, type WorkloadPolicies } from './evaluate.ts'
import { formatPolicy } from './format.ts'
import { indexedSet } from './policy-set.ts'
import { peerAuthenticationOf } from './strict.ts'
import { casesOf } from './testing/decision-table.ts'
import { holding } from './testing/holding.ts'

// The document is the table: every row goes the whole way, from YAML through parser and compiler to the verdict.
const cases = casesOf(readFileSync(new URL('../../docs/policy.md', import.meta.url), 'utf8'))

describe('the decision table of docs/policy.md', () => {
  it('is large', () => {
    expect(cases.length).toBeGreaterThanOrEqual(250)
  })

  it.each(cases)('$title: $answer', ({ policies, workload, facts, answer }) => {
    const held = holding(policies, workload)
    expect(told(evaluate(facts, held))).toBe(answer)
    expect(told(evaluate(facts, indexed(held)))).toBe(answer)
  })
})

/** The same policies, looked up however few they are. */
function indexed(held: WorkloadPolicies): WorkloadPolicies {
  return {
    deny: indexedSet(held.deny.policies),
    allow: indexedSet(held.allow.policies),
    dryRunDeny: indexedSet(held.dryRunDeny.policies),
    dryRunAllow: indexedSet(held.dryRunAllow.policies),
    missing: held.missing,
  }
}

/** A decision in the table's words. */
function told(decision: Decision): string {
  if (decision.kind === 'denial') return `no, ${toldReason(decision.reason)}`
  const by = decision.by ? `, by ${toldRule(decision.by)}` : ''
  return `yes${by}${decision.wouldDeny.map((reason) => `; dry run: no, ${toldReason(reason)}`).join('')}`
}

function toldReason(reason: DenialReason): string {
  switch (reason.kind) {
    case 'deny_matched':
      return `by ${toldRule(reason.by)}`
    case 'no_allow_matched':
      return `none of ${reason.policies.join(' ')}`
    case 'policy_missing':
      return `missing ${reason.policy}`
  }
}

function toldRule({ policy, rule }: PolicyRule): string {
  return peerAuthenticationOf(policy) === undefined ? `rule ${rule} of ${policy}` : formatPolicy(policy)
}
