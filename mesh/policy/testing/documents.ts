import fc from 'fast-check'
import { formatCidr } from '../../address.ts'
import type { AuthorizationPolicy, Labels, PeerAuthentication, PolicyDocument, Source } from '../documents.ts'
import { formatServiceAccount, formatStringMatch } from '../format.ts'
import { account, namespacePattern, principalPattern, range } from './arbitraries.ts'

const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/)
const dottedName = fc.array(name, { minLength: 1, maxLength: 3 }).map((labels) => labels.join('.'))
const port = fc.integer({ min: 1, max: 65535 })
const mode = fc.constantFrom('Strict' as const, 'Permissive' as const)
const labels: fc.Arbitrary<Labels> = fc.dictionary(
  fc.oneof(
    name,
    fc.tuple(dottedName, name).map(([prefix, label]) => `${prefix}/${label}`),
  ),
  fc.oneof(name, fc.constant('')),
  { minKeys: 1, maxKeys: 3, noNullPrototype: true },
)

const holds = { name: dottedName, namespace: name, selector: fc.option(labels, { nil: undefined }) }

const peerAuthentication: fc.Arbitrary<PeerAuthentication> = fc.record({
  kind: fc.constant('PeerAuthentication'),
  ...holds,
  mode,
  ports: fc.array(fc.tuple(port, mode), { maxLength: 3 }).map((ports) => new Map(ports)),
})

const source: fc.Arbitrary<Source> = fc
  .record({
    principals: few(principalPattern),
    notPrincipals: few(principalPattern),
    namespaces: few(namespacePattern),
    notNamespaces: few(namespacePattern),
    serviceAccounts: few(account),
    notServiceAccounts: few(account),
    ipBlocks: few(range),
    notIpBlocks: few(range),
  })
  .filter(saysSomething)

const operation = fc.record({ ports: few(port), notPorts: few(port) }).filter(saysSomething)

const authorizationPolicy: fc.Arbitrary<AuthorizationPolicy> = fc
  .record<AuthorizationPolicy>({
    kind: fc.constant('AuthorizationPolicy'),
    ...holds,
    action: fc.constantFrom('Allow', 'Deny'),
    dryRun: fc.boolean(),
    rules: fc.array(fc.record({ from: few(source), to: few(operation) }), { maxLength: 3 }),
  })
  .filter(({ action, rules }) => action === 'Allow' || rules.length > 0)

export const policyDocument: fc.Arbitrary<PolicyDocument> = fc.oneof(peerAuthentication, authorizationPolicy)

/** A document as its author would write it: what says nothing is left out. */
export function written(document: PolicyDocument): Record<string, unknown> {
  const { kind, name, namespace, selector } = document
  const head = { kind, name, namespace, selector }
  if (document.kind === 'PeerAuthentication') {
    return without({ ...head, mode: document.mode, ports: Object.fromEntries(document.ports) })
  }
  const rules = document.rules.map(({ from, to }) =>
    without({ from: from.map(writtenSource), to: to.map(without) }),
  )
  return without({ ...head, action: document.action, dryRun: document.dryRun, rules })
}

function writtenSource(source: Source): Record<string, unknown> {
  return without({
    principals: source.principals.map(formatStringMatch),
    notPrincipals: source.notPrincipals.map(formatStringMatch),
    namespaces: source.namespaces.map(formatStringMatch),
    notNamespaces: source.notNamespaces.map(formatStringMatch),
    serviceAccounts: source.serviceAccounts.map(formatServiceAccount),
    notServiceAccounts: source.notServiceAccounts.map(formatServiceAccount),
    ipBlocks: source.ipBlocks.map(formatCidr),
    notIpBlocks: source.notIpBlocks.map(formatCidr),
  })
}

function without(fields: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  )
}

function few<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> {
  return fc.array(value, { maxLength: 2 })
}

function saysSomething(fields: object): boolean {
  return Object.values(fields).some((values) => Array.isArray(values) && values.length > 0)
}
