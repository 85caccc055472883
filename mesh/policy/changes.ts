import { cidrOf } from '../address.ts'
import { principalOf } from '../spiffe-id.ts'
import { nearestRule } from './admit.ts'
import { type Authorization, emptyMatch, type Match, type Rule } from './authorization.ts'
import type { ConnectionFacts, Decision, PolicyRule } from './decision.ts'
import type { WorkloadPolicies } from './evaluate.ts'
import { formatPolicy } from './format.ts'
import { type PolicySet, policySet } from './policy-set.ts'
import { peerAuthenticationOf } from './strict.ts'

/** Something that an operator could write, and the workload's policies as they would be then. */
export interface Change {
  readonly text: string
  readonly policies: WorkloadPolicies
}

/** Changes that may turn a decision round, the narrowest first; whether one does is for `evaluate` to say. */
export function suggestChanges(
  decision: Decision,
  facts: ConnectionFacts,
  policies: WorkloadPolicies,
): Change[] {
  if (decision.kind === 'permit') return waysToRefuse(decision.by, facts, policies)
  switch (decision.reason.kind) {
    case 'deny_matched':
      return waysPastDeny(decision.reason.by, facts, policies)
    case 'no_allow_matched':
      return waysToAllow(facts, policies)
    case 'policy_missing':
      return []
  }
}

function waysPastDeny(by: PolicyRule, facts: ConnectionFacts, policies: WorkloadPolicies): Change[] {
  const policy = policies.deny.policies.find(({ key }) => key === by.policy)
  const rule = policy?.rules[by.rule]
  if (policy === undefined || rule === undefined) return []
  const { port } = facts.destination
  const { notField, value, excluded } = describeSource(facts)
  const replacing = (text: string, replacement: Rule): Change => ({
    text,
    policies: withRules(policies, policy, policy.rules.with(by.rule, replacement)),
  })
  const elsewhere = narrowed(rule, { notDestinationPorts: [port] })
  const title = formatPolicy(by.policy)
  const where = `rule ${by.rule} of ${title}`

  if (peerAuthenticationOf(by.policy) !== undefined) {
    return [replacing(`write ports: { ${port}: Permissive } in ${title}`, elsewhere)]
  }
  return [
    replacing(`add ${value} to ${notField} in ${where}`, narrowed(rule, excluded)),
    replacing(`add ${port} to notPorts in ${where}, which spares every source at that port`, elsewhere),
    replacing(`remove ${where}`, nobody),
  ]
}

function waysToAllow(facts: ConnectionFacts, policies: WorkloadPolicies): Change[] {
  const nearby = policies.allow.policies.flatMap((policy) => {
    const nearest = nearestRule(policy.rules, facts)
    return nearest === undefined ? [] : [{ policy, nearest }]
  })
  const widened = narrowestFirst(nearby).map(({ policy, nearest }) => {
    const text = `${nearest.steps.join(' and ')} in rule ${nearest.index} of ${formatPolicy(policy.key)}`
    return { text, policies: withRules(policies, policy, policy.rules.with(nearest.index, nearest.rule)) }
  })
  const added = policies.allow.policies.slice(0, 1).map((policy) => addRule(policy, facts, policies))
  const { matching } = trials(policies.dryRunAllow, facts)
  return [...widened, ...added, ...matching.map((policy) => enforce(policy, policies))]
}

function waysToRefuse(
  by: PolicyRule | undefined,
  facts: ConnectionFacts,
  policies: WorkloadPolicies,
): Change[] {
  const allowing = policies.allow.policies.filter(({ key }) => key === by?.policy)
  const removed = allowing.map((policy) => ({
    text: `remove rule ${by!.rule} of ${formatPolicy(policy.key)}`,
    policies: withRules(policies, policy, policy.rules.with(by!.rule, nobody)),
  }))
  const dryRuns = [
    ...trials(policies.dryRunDeny, facts).matching,
    ...trials(policies.dryRunAllow, facts).others,
  ]
  return [...removed, ...dryRuns.map((policy) => enforce(policy, policies)), addDeny(facts, policies)]
}

/** Of thousands that could be changed nobody reads more, and each is a set of policies to judge by. */
const most = 5

interface Nearby {
  readonly policy: Authorization
  readonly nearest: NonNullable<ReturnType<typeof nearestRule>>
}

function narrowestFirst(nearby: readonly Nearby[]): readonly Nearby[] {
  return nearby.toSorted((a, b) => a.nearest.steps.length - b.nearest.steps.length).slice(0, most)
}

/** Of policies that are only tried out, some that match and some that do not. */
function trials(set: PolicySet, facts: ConnectionFacts) {
  const keys = new Set(set.every(facts).map(({ policy }) => policy))
  return {
    matching: set.policies.filter(({ key }) => keys.has(key)).slice(0, most),
    others: set.policies.filter(({ key }) => !keys.has(key)).slice(0, most),
  }
}

function addRule(policy: Authorization, facts: ConnectionFacts, policies: WorkloadPolicies): Change {
  const { field, value, named } = describeSource(facts)
  const { port } = facts.destination
  const rule = narrowed(narrowed(everybody, named), { destinationPorts: [port] })
  return {
    text: `add a rule to ${formatPolicy(policy.key)}: from ${field} [${value}] to ports [${port}]`,
    policies: withRules(policies, policy, [...policy.rules, rule]),
  }
}

function addDeny(facts: ConnectionFacts, policies: WorkloadPolicies): Change {
  const { field, value, named } = describeSource(facts)
  const policy: Authorization = {
    key: '',
    name: '',
    namespace: '',
    scope: 'workload',
    action: 'deny',
    rules: [narrowed(everybody, named)],
    dryRun: false,
  }
  return {
    text: `write a Deny AuthorizationPolicy that selects the workload, from ${field} [${value}]`,
    policies: { ...policies, deny: policySet([...policies.deny.policies, policy]) },
  }
}

function enforce(policy: Authorization, policies: WorkloadPolicies): Change {
  return {
    text: `set dryRun: false in ${formatPolicy(policy.key)}`,
    policies: { ...policies, [policy.action]: policySet([...policies[policy.action].policies, policy]) },
  }
}

const everybody: Rule = { clauses: [] }
// Stands where a rule was removed, so that the others keep their numbers.
const nobody: Rule = { clauses: [{ matches: [emptyMatch] }] }

/** The rule with one more demand. */
function narrowed(rule: Rule, demand: Partial<Match>): Rule {
  return { clauses: [...rule.clauses, { matches: [{ ...emptyMatch, ...demand }] }] }
}

function withRules(
  policies: WorkloadPolicies,
  policy: Authorization,
  rules: readonly Rule[],
): WorkloadPolicies {
  const held = policies[policy.action].policies
  const replaced = held.map((other) => (other === policy ? { ...policy, rules } : other))
  return { ...policies, [policy.action]: policySet(replaced) }
}

/** How a policy would single the source out: by its identity, or by its address when it has none. */
function describeSource({ peer, sourceIp }: ConnectionFacts) {
  if (peer === undefined) {
    const range = cidrOf(sourceIp)
    return {
      field: 'ipBlocks',
      notField: 'notIpBlocks',
      value: sourceIp,
      named: { sourceIps: [range] },
      excluded: { notSourceIps: [range] },
    }
  }
  const principal = { kind: 'exact', value: principalOf(peer) } as const
  return {
    field: 'principals',
    notField: 'notPrincipals',
    value: principal.value,
    named: { principals: [principal] },
    excluded: { notPrincipals: [principal] },
  }
}
