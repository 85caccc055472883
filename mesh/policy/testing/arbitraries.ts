import fc from 'fast-check'
import { parseCidr, parseIp } from '../../address.ts'
import { spiffeId } from '../../spiffe-id.ts'
import type { Authorization, Match, ServiceAccountMatch, StringMatch } from '../authorization.ts'
import type { ConnectionFacts } from '../decision.ts'

// Small alphabets on purpose: values must meet often enough for matches to happen.

const domains = ['cluster.local', 'other.example'] as const
const namespaces = ['shop', 'shop-eu', 'pay'] as const
const accounts = ['web', 'web.eu', 'cart'] as const
const addresses = ['10.0.0.1', '10.0.0.2', '10.0.1.1', '192.0.2.1', '2001:db8::1', '2001:db8:1::1']
const ranges = ['10.0.0.1', '10.0.0.0/24', '10.0.0.0/8', '0.0.0.0/0', '2001:db8::/47', '2001:db8::1', '::/0']

export const port = fc.constantFrom(22, 80, 8080)
export const ip = fc.constantFrom(...addresses.map((text) => parseIp(text)!))
export const range = fc.constantFrom(...ranges.map((text) => parseCidr(text)!))

export const identity = fc
  .tuple(fc.constantFrom(...domains), fc.constantFrom(...namespaces), fc.constantFrom(...accounts))
  .map(([domain, namespace, account]) => spiffeId(domain, namespace, account)!)

export const facts: fc.Arbitrary<ConnectionFacts> = fc.record({
  peer: fc.option(identity, { nil: undefined, freq: 4 }),
  sourceIp: ip,
  destination: fc.record({ ip, port }),
})

export const namespacePattern = pattern(fc.constantFrom(...namespaces))
export const principalPattern = pattern(
  identity.map((id) => `${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`),
)
export const account: fc.Arbitrary<ServiceAccountMatch> = fc.record({
  namespace: fc.constantFrom(...namespaces),
  serviceAccount: fc.constantFrom(...accounts),
})

export const match: fc.Arbitrary<Match> = fc.record({
  principals: seldom(principalPattern),
  notPrincipals: seldom(principalPattern),
  namespaces: seldom(namespacePattern),
  notNamespaces: seldom(namespacePattern),
  serviceAccounts: seldom(account),
  notServiceAccounts: seldom(account),
  sourceIps: seldom(range),
  notSourceIps: seldom(range),
  destinationIps: seldom(range),
  notDestinationIps: seldom(range),
  destinationPorts: seldom(port),
  notDestinationPorts: seldom(port),
})

const names = ['a', 'b', 'c', 'd', 'peer_authentication_e'] as const

/** The policies that a workload names, some of which may not have arrived. */
export const named = fc.record({
  names: fc.array(fc.constantFrom(...names.map((name) => `shop/${name}`)), { maxLength: 5 }),
  authorizations: fc
    .uniqueArray(fc.constantFrom(...names), { minLength: 2, maxLength: names.length })
    .chain((present) => fc.tuple(...present.map((name) => authorization(name))))
    .map((policies) => new Map(policies.map((policy) => [policy.key, policy]))),
})

/** Policies whose rules demand something, so that few of them match one connection. */
export function demandingPolicies(most: number): fc.Arbitrary<Authorization[]> {
  return fc
    .array(fc.nat(), { maxLength: most })
    .chain((list) => fc.tuple(...list.map((_, n) => authorization(`p${n}`, 1))))
}

function authorization(name: string, least = 0): fc.Arbitrary<Authorization> {
  const clause = fc.record({ matches: fc.array(match, { minLength: least, maxLength: 2 }) })
  const rule = fc.record({ clauses: fc.array(clause, { minLength: least, maxLength: 2 }) })
  return fc.record({
    key: fc.constant(`shop/${name}`),
    name: fc.constant(name),
    namespace: fc.constant('shop'),
    scope: fc.constantFrom('global', 'namespace', 'workload'),
    action: fc.constantFrom('allow', 'deny'),
    rules: fc.array(rule, { maxLength: 3 }),
    dryRun: fc.boolean(),
  })
}

/** Patterns that are cut from the texts they are to meet. */
function pattern(texts: fc.Arbitrary<string>): fc.Arbitrary<StringMatch> {
  const cut = fc.tuple(texts, fc.integer({ min: 1, max: 12 }))
  return fc.oneof(
    texts.map((value) => ({ kind: 'exact' as const, value })),
    cut.map(([text, length]) => ({ kind: 'prefix' as const, value: text.slice(0, length) })),
    cut.map(([text, length]) => ({ kind: 'suffix' as const, value: text.slice(-length) })),
    fc.constant({ kind: 'presence' as const }),
  )
}

/** Mostly empty, so that a match with many fields still matches now and then. */
function seldom<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> {
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant<Value[]>([]) },
    { weight: 1, arbitrary: fc.array(value, { minLength: 1, maxLength: 2 }) },
  )
}
