import type { Authorization } from './authorization.ts'
import type { ConnectionFacts, DenialReason, PolicyRule } from './decision.ts'
import { PolicyIndex } from './index/policy-index.ts'
import { ruleMatches } from './match.ts'

/** Policies of one kind that hold on one workload, in the order in which they are asked. Nobody changes one. */
export interface PolicySet {
  readonly policies: readonly Authorization[]
  /** The first rule, of the first policy, that matches. */
  first(facts: ConnectionFacts): PolicyRule | undefined
  /** The first rule that matches of every policy that has one, in order. */
  every(facts: ConnectionFacts): readonly PolicyRule[]
  /** What a denial by none of these is told as. */
  readonly noneMatched: DenialReason
}

/** Up to so many rules, asking one after the other is as fast as looking them up, and takes no memory. */
const scannedRules = 16

export function policySet(policies: readonly Authorization[]): PolicySet {
  const rules = policies.reduce((count, policy) => count + policy.rules.length, 0)
  return rules <= scannedRules ? scannedSet(policies) : indexedSet(policies)
}

/** Asks one policy after the other: what an index has to answer like. */
export function scannedSet(policies: readonly Authorization[]): PolicySet {
  return {
    policies,
    noneMatched: noneOf(policies),
    first(facts) {
      for (const policy of policies) {
        const by = matchingRule(policy, facts)
        if (by !== undefined) return by
      }
      return undefined
    },
    every: (facts) => policies.flatMap((policy) => matchingRule(policy, facts) ?? []),
  }
}

/** Looks up the rules that can match at all. Built when it is first asked, so that a burst of changes costs one index. */
export function indexedSet(policies: readonly Authorization[]): PolicySet {
  let index: PolicyIndex | undefined
  const built = (): PolicyIndex => (index ??= new PolicyIndex(policies))
  return {
    policies,
    noneMatched: noneOf(policies),
    first: (facts) => built().first(facts),
    every: (facts) => built().every(facts),
  }
}

function matchingRule(policy: Authorization, facts: ConnectionFacts): PolicyRule | undefined {
  const rule = policy.rules.findIndex((rule) => ruleMatches(rule, facts))
  return rule === -1 ? undefined : { policy: policy.key, rule }
}

function noneOf(policies: readonly Authorization[]): DenialReason {
  return { kind: 'no_allow_matched', policies: policies.map((policy) => policy.key) }
}
