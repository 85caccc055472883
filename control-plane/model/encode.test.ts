import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cidrFromBytes, type IpAddress, ipFromBytes } from '#mesh/address.ts'
import type { Authorization, Match, StringMatch } from '#mesh/policy/authorization.ts'
import { spiffeId } from '#mesh/spiffe-id.ts'
import type { Workload } from '#mesh/workload.ts'
import * as security from '#proto/istio/security/authorization.ts'
import { Address } from '#proto/istio/workload/workload.ts'
import { encodeWorkload } from './encode.ts'
import { encodeAuthorization } from './encode-authorization.ts'

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
const port = fc.integer({ min: 1, max: 65535 })
const ip = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((bytes) => ipFromBytes(bytes)!)

const workload: fc.Arbitrary<Workload> = fc.record({
  uid: label,
  name: label,
  namespace: label,
  clusterId: label,
  network: fc.oneof(fc.constant(''), label),
  identity: fc
    .tuple(label, label, label)
    .map(([domain, namespace, account]) => spiffeId(domain, namespace, account)!),
  addresses: fc.array(ip, { maxLength: 4 }),
  tunnel: fc.constantFrom('hbone', 'none'),
  hostNetwork: fc.boolean(),
  health: fc.constantFrom('healthy', 'unhealthy'),
  node: label,
  locality: fc.record({ region: label, zone: label, subzone: label }),
  owner: fc.record({ type: fc.constantFrom('deployment', 'cronjob', 'pod', 'job'), name: label }),
  canonicalName: fc.string(),
  canonicalRevision: fc.string(),
  services: fc
    .array(fc.tuple(label, fc.array(fc.record({ servicePort: port, targetPort: port }), { maxLength: 3 })))
    .map((entries) => new Map(entries)),
  authorizationPolicies: fc.array(label),
})

test('a workload loses nothing on the wire', () => {
  fc.assert(
    fc.property(workload, (original) => {
      const decoded = Address.decode(encodeWorkload(original)).type
      if (decoded?.$case !== 'workload') throw new Error('not a workload')
      const { value } = decoded
      expect(value.addresses.map((bytes) => ipFromBytes(bytes))).toEqual(original.addresses)
      expect(spiffeId(value.trustDomain, value.namespace, value.serviceAccount)).toEqual(
        spiffeId(original.identity.trustDomain, original.namespace, original.identity.serviceAccount),
      )
      expect([...value.services].map(([key, { ports }]) => [key, ports.map(withoutProtocol)])).toEqual([
        ...original.services,
      ])
      expect(value.authorizationPolicies).toEqual(original.authorizationPolicies)
      expect({ ...value.locality }).toEqual(original.locality)
      expect(value.tunnelProtocol === 1).toBe(original.tunnel === 'hbone')
      expect(value.status === 0).toBe(original.health === 'healthy')
      expect(value.networkMode === 1).toBe(original.hostNetwork)
      expect([value.uid, value.name, value.network, value.clusterId, value.node]).toEqual([
        original.uid,
        original.name,
        original.network,
        original.clusterId,
        original.node,
      ])
      expect([value.canonicalName, value.canonicalRevision, value.workloadName]).toEqual([
        original.canonicalName.toWellFormed(),
        original.canonicalRevision.toWellFormed(),
        original.owner.name,
      ])
    }),
  )
})

function withoutProtocol({ servicePort, targetPort }: { servicePort: number; targetPort: number }) {
  return { servicePort, targetPort }
}

const stringMatch: fc.Arbitrary<StringMatch> = fc.oneof(
  fc.record({ kind: fc.constantFrom('exact', 'prefix', 'suffix'), value: label }),
  fc.constant<StringMatch>({ kind: 'presence' }),
)
const cidr = fc.tuple(ip, fc.nat(32)).map(([address, cut]) => rangeOf(address, cut))
const accounts = fc.array(fc.record({ namespace: label, serviceAccount: label }), { maxLength: 2 })
const strings = fc.array(stringMatch, { maxLength: 2 })
const ranges = fc.array(cidr, { maxLength: 2 })
const ports = fc.array(port, { maxLength: 2 })

const match: fc.Arbitrary<Match> = fc.record({
  principals: strings,
  notPrincipals: strings,
  namespaces: strings,
  notNamespaces: strings,
  serviceAccounts: accounts,
  notServiceAccounts: accounts,
  sourceIps: ranges,
  notSourceIps: ranges,
  destinationIps: ranges,
  notDestinationIps: ranges,
  destinationPorts: ports,
  notDestinationPorts: ports,
})

const authorization: fc.Arbitrary<Authorization> = fc.record({
  key: label,
  name: label,
  namespace: label,
  scope: fc.constantFrom('global', 'namespace', 'workload'),
  action: fc.constantFrom('allow', 'deny'),
  rules: fc.array(
    fc.record({ clauses: fc.array(fc.record({ matches: fc.array(match, { maxLength: 2 }) })) }),
    {
      maxLength: 2,
    },
  ),
  dryRun: fc.boolean(),
})

test('a policy loses nothing on the wire', () => {
  fc.assert(
    fc.property(authorization, (original) => {
      const decoded = security.Authorization.decode(encodeAuthorization(original))
      expect(decoded.rules.map(({ clauses }) => ({ clauses: clauses.map(readClause) }))).toEqual(
        original.rules,
      )
      expect(['global', 'namespace', 'workload'][decoded.scope]).toBe(original.scope)
      expect(['allow', 'deny'][decoded.action]).toBe(original.action)
      expect([decoded.name, decoded.namespace, decoded.dryRun]).toEqual([
        original.name,
        original.namespace,
        original.dryRun,
      ])
    }),
  )
})

function readClause({ matches }: security.Clause) {
  return { matches: matches.map(readMatch) }
}

function readMatch(wire: security.Match): Match {
  return {
    principals: wire.principals.map(readString),
    notPrincipals: wire.notPrincipals.map(readString),
    namespaces: wire.namespaces.map(readString),
    notNamespaces: wire.notNamespaces.map(readString),
    serviceAccounts: wire.serviceAccounts,
    notServiceAccounts: wire.notServiceAccounts,
    sourceIps: wire.sourceIps.map(readRange),
    notSourceIps: wire.notSourceIps.map(readRange),
    destinationIps: wire.destinationIps.map(readRange),
    notDestinationIps: wire.notDestinationIps.map(readRange),
    destinationPorts: wire.destinationPorts,
    notDestinationPorts: wire.notDestinationPorts,
  }
}

function readString({ matchType }: security.StringMatch): StringMatch {
  if (!matchType) throw new Error('an empty match')
  return matchType.$case === 'presence'
    ? { kind: 'presence' }
    : { kind: matchType.$case, value: matchType.value }
}

function readRange({ address, length }: security.Address) {
  return cidrFromBytes(address, length)!
}

/** A range around an address: its host bits are cleared, whatever the length. */
function rangeOf(address: IpAddress, length: number) {
  const size = address.includes(':') ? 16 : 4
  const bytes = new Uint8Array(size)
  if (length >= 8) bytes[0] = 10
  return cidrFromBytes(bytes, length)!
}
