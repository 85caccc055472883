import fc from 'fast-check'
import type { PolicyTarget } from '../compile.ts'
import type { AuthorizationPolicy, Labels, PeerAuthentication, PolicyDocument } from '../documents.ts'
import { account, namespacePattern, port, principalPattern, range } from './arbitraries.ts'

// Documents, workloads and connections that have to do with each other often enough.

const mode = fc.constantFrom('Strict' as const, 'Permissive' as const)
const selector: fc.Arbitrary<Labels | undefined> = fc.constantFrom(
  undefined,
  undefined,
  { app: 'a' },
  { app: 'b' },
  { app: 'a', tier: 'x' },
)
const holds = {
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  namespace: fc.constantFrom('shop', 'pay', 'weft-system'),
  selector,
}

const peerAuthentication: fc.Arbitrary<PeerAuthentication> = fc.record({
  kind: fc.constant('PeerAuthentication'),
  ...holds,
  mode,
  ports: fc.array(fc.tuple(port, mode), { maxLength: 2 }).map((ports) => new Map(ports)),
})

const source = fc
  .record({
    principals: seldom(principalPattern),
    notPrincipals: seldom(principalPattern),
    namespaces: seldom(namespacePattern),
    notNamespaces: seldom(namespacePattern),
    serviceAccounts: seldom(account),
    notServiceAccounts: seldom(account),
    ipBlocks: seldom(range),
    notIpBlocks: seldom(range),
  })
  .filter(saysSomething)
const operation = fc.record({ ports: seldom(port), notPorts: seldom(port) }).filter(saysSomething)
const rule = fc.record({
  from: fc.array(source, { maxLength: 2 }),
  to: fc.oneof(fc.constant([]), fc.array(operation, { maxLength: 2 })),
})

const authorizationPolicy: fc.Arbitrary<AuthorizationPolicy> = fc.record({
  kind: fc.constant('AuthorizationPolicy'),
  ...holds,
  action: fc.constantFrom('Allow', 'Deny'),
  dryRun: fc.boolean(),
  rules: fc.array(rule, { minLength: 1, maxLength: 2 }),
})

/** Of different kinds, namespaces or names, as whoever reads documents makes sure. */
export const meetingPolicies: fc.Arbitrary<PolicyDocument[]> = fc.uniqueArray(
  fc.oneof(peerAuthentication, authorizationPolicy, authorizationPolicy),
  { maxLength: 6, selector: ({ kind, namespace, name }) => `${kind}/${namespace}/${name}` },
)

export const meetingWorkload: fc.Arbitrary<PolicyTarget> = fc.record({
  namespace: fc.constantFrom('shop', 'pay', 'weft-system'),
  labels: fc.constantFrom({}, { app: 'a' }, { app: 'a', tier: 'x' }, { app: 'b' }),
})

function seldom<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant<Value[]>([]) },
    { weight: 1, arbitrary: fc.array(value, { minLength: 1, maxLength: 2 }) },
  )
}

function saysSomething(fields: object): boolean {
  return Object.values(fields).some((values) => Array.isArray(values) && values.length > 0)
}
