import { expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { parseIp, parseSocketAddress } from '../../address.ts'
import { parseSpiffeId } from '../../spiffe-id.ts'
import { compilePolicies } from '../compile.ts'
import type { ConnectionFacts, Decision, DenialReason, PolicyRule } from '../decision.ts'
import { evaluate, type WorkloadPolicies, workloadPolicies } from '../evaluate.ts'
import { parsePolicy } from '../parse.ts'

// A decision table: rows of who connects, where to, and the answer. Every row goes the whole way: YAML, parsed,
// compiled, selected for the workload, evaluated.
//   from     a name of `sources` below
//   to       a port of the workload backend in shop, 10.77.0.12
//   answer   permit | permit by <policy> <rule> | deny by <policy> <rule> | deny, none of <policies>
//            and after each semicolon what a dry-run policy would have denied

/** Rows against one Allow policy, shop/policy, with these rules. */
export function allowRules(rules: string, rows: readonly string[]) {
  policies(`{ kind: AuthorizationPolicy, name: policy, namespace: shop, rules: [${rules}] }`, rows)
}

/** Rows against one Deny policy, shop/policy, with these rules. */
export function denyRules(rules: string, rows: readonly string[]) {
  policies(
    `{ kind: AuthorizationPolicy, name: policy, namespace: shop, action: Deny, rules: [${rules}] }`,
    rows,
  )
}

/** Rows against these policies, which may or may not select the workload. */
export function policies(yaml: string, rows: readonly string[]) {
  const policies = holding(yaml)
  it.each(rows.map((row) => row.split('|').map((cell) => cell.trim()) as [string, string, string]))(
    '%s to %s: %s',
    (from, to, answer) => {
      expect(told(evaluate(factsOf(from, to), policies))).toBe(answer)
    },
  )
}

/** Those of the policies, written in flow style, that hold on the workload backend in shop. */
export function holding(yaml: string): WorkloadPolicies {
  const documents = (parseYaml(`[${yaml}]`) as unknown[]).map((document) => {
    const result = parsePolicy(document)
    if ('problems' in result) throw new Error(JSON.stringify(result.problems))
    return result.policy
  })
  const { authorizations, policiesFor } = compilePolicies(documents)
  const names = policiesFor({ namespace: 'shop', labels: { app: 'backend', version: 'v1' } })
  return workloadPolicies(names, authorizations)
}

/** Who connects: an address, and the identity proven there, if any. */
const sources: Readonly<Record<string, string>> = {
  frontend: '10.77.0.11 cluster.local/ns/shop/sa/frontend',
  cart: '10.77.0.13 cluster.local/ns/shop/sa/cart',
  'front.end': '10.77.0.14 cluster.local/ns/shop/sa/front.end',
  frontxend: '10.77.0.15 cluster.local/ns/shop/sa/frontxend',
  namesake: '10.77.0.31 cluster.local/ns/pay-eu/sa/frontend',
  monitor: '10.77.0.41 cluster.local/ns/monitoring/sa/prometheus',
  stranger: '10.99.0.1 other.example/ns/shop/sa/frontend',
  impostor: '10.99.0.2 not-cluster.local/ns/shop-eu/sa/frontend',
  plaintext: '10.77.0.11',
  neighbour: '10.77.0.16',
  outside: '192.0.2.9',
  'outside-v6': '2001:db8::9',
}

function factsOf(from: string, port: string): ConnectionFacts {
  const [address = '', principal] = (sources[from] ?? `${from} is no source`).split(' ')
  return {
    peer: principal === undefined ? undefined : parseSpiffeId(`spiffe://${principal}`)!,
    sourceIp: parseIp(address)!,
    destination: parseSocketAddress(`10.77.0.12:${port}`)!,
  }
}

function told(decision: Decision): string {
  if (decision.kind === 'denial') return `deny${toldReason(decision.reason)}`
  const by = decision.by ? ` by ${toldRule(decision.by)}` : ''
  return `permit${by}${decision.wouldDeny.map((reason) => `; would deny${toldReason(reason)}`).join('')}`
}

function toldReason(reason: DenialReason): string {
  switch (reason.kind) {
    case 'deny_matched':
      return ` by ${toldRule(reason.by)}`
    case 'no_allow_matched':
      return `, none of ${reason.policies.join(' ')}`
    case 'policy_missing':
      return `, missing ${reason.policy}`
  }
}

function toldRule({ policy, rule }: PolicyRule): string {
  return `${policy} ${rule}`
}
