import { cidrOf } from '../address.ts'
import { principalOf } from '../spiffe-id.ts'
import { nearestRule } from './admit.ts'
import { type Authorization, emptyMatch, type Match, type Rule } from './authorization.ts'
import type { ConnectionFacts, Decision, PolicyRule } from './decision.ts'
import type { WorkloadPolicies } from './evaluate.ts'
import { formatPolicy } from './format.ts'
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
  const policy = policies.deny.find(({ key }) => key === by.policy)
  const rule = policy?.rules[by.rule]
  if (policy === undefined || rule === undefined) return []
  const { port } = facts.destination
  const except = (exception: Partial<Match>) =>
    withRules(policies, policy, policy.rules.with(by.rule, narrowed(rule, exception)))
  const title = formatPolicy(by.policy)

  if (peerAuthenticationOf(by.policy) !== undefined) {
    const exception = except({ notDestinationPorts: [port] })
    return [{ text: `write ports: { ${port}: Permissive } in ${title}`, policies: exception }]
  }
  const source = describeSource(facts)
  return [
    {
      text: `add ${source.value} to ${source.notField} in rule ${by.rule} of ${title}`,
      policies: except(source.excluded),
    },
    {
      text: `add ${port} to notPorts in rule ${by.rule} of ${title}, which spares every source at that port`,
      policies: except({ notDestinationPorts: [port] }),
    },
    {
      text: `remove rule ${by.rule} of ${title}`,
      policies: withRules(policies, policy, policy.rules.with(by.rule, nobody)),
    },
  ]
}

function waysToAllow(facts: ConnectionFacts, policies: WorkloadPolicies): Change[] {
  const widened = policies.allow.flatMap((policy) => {
    const nearest = nearestRule(policy.rules, facts)
    if (nearest === undefined) return []
    const text = `${nearest.steps.join(' and ')} in rule ${nearest.index} of ${formatPolicy(policy.key)}`
    return { text, policies: withRules(policies, policy, policy.rules.with(nearest.index, nearest.rule)) }
  })
  const enforced = policies.dryRunAllow.map((policy) => ({
    text: `set dryRun: false in ${formatPolicy(policy.key)}`,
    policies: { ...policies, allow: [...policies.allow, policy] },
  }))
  return [
    ...widened,
    ...policies.allow.slice(0, 1).map((policy) => addRule(policy, facts, policies)),
    ...enforced,
  ]
}

function addRule(policy: Authorization, facts: ConnectionFacts, policies: WorkloadPolicies): Change {
  const { field, value, named } = describeSource(facts)
  const { port } = facts.destination
  const rule = narrowed(narrowed(anything, named), { destinationPorts: [port] })
  return {
    text: `add a rule to ${formatPolicy(policy.key)}: from ${field} [${value}] to ports [${port}]`,
    policies: withRules(policies, policy, [...policy.rules, rule]),
  }
}

function waysToRefuse(
  by: PolicyRule | undefined,
  facts: ConnectionFacts,
  policies: WorkloadPolicies,
): Change[] {
  const { field, value, named } = describeSource(facts)
  const removed = policies.allow
    .filter(({ key }) => key === by?.policy)
    .map((policy) => ({
      text: `remove rule ${by?.rule} of ${formatPolicy(policy.key)}`,
      policies: withRules(
        policies,
        policy,
        policy.rules.filter((_, rule) => rule !== by?.rule),
      ),
    }))
  const enforced = [...policies.dryRunDeny, ...policies.dryRunAllow].map((policy) => ({
    text: `set dryRun: false in ${formatPolicy(policy.key)}`,
    policies: {
      ...policies,
      [policy.action]: [...policies[policy.action], policy],
    },
  }))
  const denied = {
    text: `write a Deny AuthorizationPolicy that selects the workload, from ${field} [${value}]`,
    policies: { ...policies, deny: [...policies.deny, newDeny(narrowed(anything, named))] },
  }
  return [...removed, ...enforced, denied]
}

const anything: Rule = { clauses: [] }

/** The rule with one more demand. */
function narrowed(rule: Rule, demand: Partial<Match>): Rule {
  return { clauses: [...rule.clauses, { matches: [{ ...emptyMatch, ...demand }] }] }
}

function withRules(
  policies: WorkloadPolicies,
  policy: Authorization,
  rules: readonly Rule[],
): WorkloadPolicies {
  const replaced = policies[policy.action].map((other) => (other === policy ? { ...policy, rules } : other))
  return { ...policies, [policy.action]: replaced }
}

function newDeny(rule: Rule): Authorization {
  const [namespace, name] = ['', '(new)']
  return { key: name, name, namespace, scope: 'workload', action: 'deny', rules: [rule], dryRun: false }
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
