import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  encodeService,
  encodeSettings,
  encodeTrustBundle,
  encodeWorkload,
} from '#control-plane/model/encode.ts'
import { encodeAuthorization } from '#control-plane/model/encode-authorization.ts'
import { cidrFromBytes, type IpAddress, ipFromBytes } from '#mesh/address.ts'
import type { Authorization } from '#mesh/policy/authorization.ts'
import { match } from '#mesh/policy/testing/arbitraries.ts'
import type { MeshSettings } from '#mesh/settings.ts'
import { spiffeId } from '#mesh/spiffe-id.ts'
import { backendKey, identity, service, settings, workload } from '#mesh/testing/mesh.ts'
import type { PortMapping, Service, Workload } from '#mesh/workload.ts'
import { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret.ts'
import * as security from '#proto/istio/security/authorization.ts'
import * as wire from '#proto/istio/workload/workload.ts'
import { ServiceExtension } from '#proto/weft/mesh/v1alpha1/service.ts'
import { MeshSettings as WireSettings } from '#proto/weft/mesh/v1alpha1/settings.ts'
import { TestPki } from '../testing/pki.ts'
import { revocationList, serialBytes } from '../testing/revocation-list.ts'
import { decodeAddress, decodeAuthorization, decodeSettings, decodeTrustBundle } from './decode.ts'

const decoders = { decodeAddress, decodeAuthorization, decodeSettings, decodeTrustBundle }

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
const port = fc.integer({ min: 1, max: 65_535 })
const bytes4 = fc.uint8Array({ minLength: 4, maxLength: 4 })
const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 })
const address: fc.Arbitrary<IpAddress> = fc.oneof(bytes4, bytes16).map((bytes) => ipFromBytes(bytes)!)
const ports: fc.Arbitrary<PortMapping[]> = fc.array(fc.record({ servicePort: port, targetPort: port }), {
  maxLength: 3,
})

const workloads: fc.Arbitrary<Workload> = fc
  .tuple(label, label, label)
  .chain(([domain, namespace, account]) =>
    fc.record({
      uid: label,
      name: label,
      namespace: fc.constant(namespace),
      clusterId: label,
      network: fc.oneof(fc.constant(''), label),
      identity: fc.constant(spiffeId(domain, namespace, account)!),
      addresses: fc.array(address, { maxLength: 3 }),
      tunnel: fc.constantFrom('hbone', 'none'),
      hostNetwork: fc.boolean(),
      health: fc.constantFrom('healthy', 'unhealthy'),
      node: label,
      locality: fc.record({ region: label, zone: label, subzone: label }),
      owner: fc.record({ type: fc.constantFrom('deployment', 'cronjob', 'pod', 'job'), name: label }),
      canonicalName: fc.string(),
      canonicalRevision: fc.string(),
      services: fc.array(fc.tuple(label, ports), { maxLength: 3 }).map((entries) => new Map(entries)),
      authorizationPolicies: fc.array(label, { maxLength: 3 }),
    }),
  )

const services: fc.Arbitrary<Service> = fc.tuple(label, label).chain(([namespace, hostname]) =>
  fc
    .record({
      key: fc.constant(`${namespace}/${hostname}`),
      name: label,
      namespace: fc.constant(namespace),
      hostname: fc.constant(hostname),
      addresses: fc.array(fc.record({ network: fc.string(), ip: address }), { maxLength: 3 }),
      ports: fc.array(fc.record({ servicePort: port, targetPort: fc.oneof(port, fc.constant(0)) }), {
        maxLength: 3,
      }),
      publishNotReady: fc.boolean(),
      preference: fc.record({
        mode: fc.constantFrom('any', 'failover', 'strict'),
        scopes: fc.uniqueArray(fc.constantFrom('region', 'zone', 'subzone', 'node', 'cluster', 'network')),
        zoneHints: fc.array(fc.tuple(label, fc.array(label))).map((entries) => new Map(entries)),
      }),
      affinity: fc.oneof(
        fc.constant({ kind: 'none' } as const),
        fc.record({ kind: fc.constant('client-ip' as const), seconds: fc.integer({ min: 1, max: 86_400 }) }),
      ),
    })
    .map(unspokenScopes),
)

/** Without a mode there is nothing to say about scopes. */
function unspokenScopes(service: Service): Service {
  const { preference, publishNotReady } = service
  const isSaid = preference.mode !== 'any' || publishNotReady
  return isSaid ? service : { ...service, preference: { ...preference, scopes: [] } }
}

const authorizations: fc.Arbitrary<Authorization> = fc.tuple(label, label).chain(([namespace, name]) =>
  fc.record({
    key: fc.constant(`${namespace}/${name}`),
    name: fc.constant(name),
    namespace: fc.constant(namespace),
    scope: fc.constantFrom('global', 'namespace', 'workload'),
    action: fc.constantFrom('allow', 'deny'),
    rules: fc.array(
      fc.record({
        clauses: fc.array(fc.record({ matches: fc.array(match, { maxLength: 2 }) }), { maxLength: 2 }),
      }),
      { maxLength: 2 },
    ),
    dryRun: fc.boolean(),
  }),
)

const meshSettings: fc.Arbitrary<MeshSettings> = fc.record({
  network: fc.string(),
  networks: fc.array(
    fc
      .tuple(fc.oneof(bytes4, bytes16), fc.nat(128))
      .map(([bytes, length]) => cidrFromBytes(bytes, Math.min(length, bytes.length * 8)))
      .filter((range) => range !== undefined),
    { maxLength: 3 },
  ),
  egress: fc.constantFrom('passthrough', 'registry-only'),
  rejectPlaintextFromMesh: fc.boolean(),
  sidecarScope: fc.constantFrom('mesh', 'namespace'),
})

describe('what the control plane encodes', () => {
  it('is a workload again, whole', () => {
    fc.assert(
      fc.property(workloads, (workload) => {
        expect(decodeAddress(encodeWorkload(workload))).toEqual({ kind: 'workload', workload })
      }),
    )
  })

  it('is a service again, whole', () => {
    fc.assert(
      fc.property(services, (service) => {
        expect(decodeAddress(encodeService(service))).toEqual({ kind: 'service', service })
      }),
    )
  })

  it('is a policy again, whole', () => {
    fc.assert(
      fc.property(authorizations, (authorization) => {
        expect(decodeAuthorization(encodeAuthorization(authorization))).toEqual(authorization)
      }),
    )
  })

  it('are settings again, whole', () => {
    fc.assert(
      fc.property(meshSettings, (settings) => {
        expect(decodeSettings(encodeSettings(settings))).toEqual(settings)
      }),
    )
  })

  it('is a trust bundle again, with every root in it', () => {
    const [one, other] = [new TestPki(), new TestPki()].map(({ root }) => root.certificate)
    const rootsPem = [one, other].map(String).join('\n')
    const crlPem = revocationList(new TestPki().issuer, [serialBytes('0A1B')])
    const bundle = decodeTrustBundle(encodeTrustBundle({ trustDomain: 'cluster.local', rootsPem, crlPem }))
    expect(bundle).toMatchObject({ trustDomain: 'cluster.local', revoked: new Set(['0A1B']) })
    expect([...bundle.byFingerprint.keys()]).toEqual([one!.fingerprint256, other!.fingerprint256])
    expect(bundle.roots).toHaveLength(2)
  })
})

describe.each(Object.entries(decoders))('%s', (_, decode) => {
  it('answers any bytes with a value or an Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(outcomeOf(() => decode(bytes))).not.toBe('threw something else')
      }),
      { numRuns: 2_000 },
    )
  })

  it('answers damaged messages with a value or an Error', () => {
    const whole = fc.oneof(
      workloads.map(encodeWorkload),
      services.map(encodeService),
      authorizations.map(encodeAuthorization),
      meshSettings.map(encodeSettings),
    )
    const damage = fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.option(fc.nat()) })
    fc.assert(
      fc.property(whole, fc.array(damage, { maxLength: 3 }), (original, damages) => {
        let bytes = Uint8Array.from(original)
        for (const { at, to, cut } of damages) {
          if (bytes.length > 0) bytes[at % bytes.length] = to
          if (cut !== null && bytes.length > 0) bytes = bytes.subarray(0, cut % bytes.length)
        }
        expect(outcomeOf(() => decode(bytes))).not.toBe('threw something else')
      }),
      { numRuns: 500 },
    )
  })
})

describe('a message that is bad in one field is refused, and the field named', () => {
  const pod: wire.Workload = wireWorkload(workload('web', ['10.77.0.1'], { services: { [backendKey]: [] } }))
  const backend: wire.Service = wireService(service(['10.77.100.1']))
  const policy: security.Authorization = security.Authorization.decode(
    encodeAuthorization({
      key: 'a/b',
      name: 'b',
      namespace: 'a',
      scope: 'global',
      action: 'deny',
      rules: [],
      dryRun: false,
    }),
  )
  const unknown = 99 as never
  const balancing = { routingPreference: [], mode: 0 as const, healthPolicy: 0 as const }
  const extension = (parts: Partial<ServiceExtension>): wire.Extension => {
    const value = ServiceExtension.encode({
      clientIpAffinitySeconds: 0,
      zoneHints: new Map(),
      ...parts,
    }).finish()
    return { name: 'weft.dev/service', config: { typeUrl: '', value } }
  }

  it.each<[string, Partial<wire.Workload>]>([
    ['uid', { uid: '' }],
    ['identity', { serviceAccount: 'Not A Name' }],
    ['identity', { namespace: '' }],
    ['identity', { trustDomain: 'UPPER' }],
    ['addresses', { addresses: [Uint8Array.of(1, 2, 3)] }],
    ['addresses', { addresses: [new Uint8Array(0)] }],
    ['tunnel_protocol', { tunnelProtocol: unknown }],
    ['status', { status: unknown }],
    ['workload_type', { workloadType: unknown }],
    ['network_mode', { networkMode: unknown }],
    [
      'ports',
      { services: new Map([['a/b', { ports: [{ servicePort: 65_536, targetPort: 1, appProtocol: 0 }] }]]) },
    ],
    [
      'ports',
      { services: new Map([['a/b', { ports: [{ servicePort: 1, targetPort: 70_000, appProtocol: 0 }] }]]) },
    ],
  ])('a workload: %s %j', (field, parts) => {
    const value = { ...pod, ...parts }
    const bytes = wire.Address.encode({ type: { $case: 'workload', value } }).finish()
    expect(() => decodeAddress(bytes)).toThrow(new RegExp(`^${field}: `))
  })

  it('a workload: a target port 0, which only a service may have', () => {
    const ports = [{ servicePort: 80, targetPort: 0, appProtocol: 0 as const }]
    const value = { ...pod, services: new Map([['a/b', { ports }]]) }
    const bytes = wire.Address.encode({ type: { $case: 'workload', value } }).finish()
    expect(() => decodeAddress(bytes)).toThrow('ports: target port 0 of service port 80 is no port')
  })

  it.each<[string, Partial<wire.Service>]>([
    ['hostname', { hostname: '' }],
    ['addresses', { addresses: [{ network: '', address: Uint8Array.of(1), length: undefined }] }],
    ['ports', { ports: [{ servicePort: 65_536, targetPort: 1, appProtocol: 0 }] }],
    ['ports', { ports: [{ servicePort: 0, targetPort: 1, appProtocol: 0 }] }],
    ['addresses', { addresses: [{ network: '', address: Uint8Array.of(10, 1, 0, 0), length: 16 }] }],
    ['load_balancing.mode', { loadBalancing: { ...balancing, mode: unknown } }],
    ['load_balancing.health_policy', { loadBalancing: { ...balancing, healthPolicy: unknown } }],
    ['load_balancing.routing_preference', { loadBalancing: { ...balancing, routingPreference: [unknown] } }],
    ['client_ip_affinity_seconds', { extensions: [extension({ clientIpAffinitySeconds: 86_401 })] }],
  ])('a service: %s %j', (field, parts) => {
    const value = { ...backend, ...parts }
    const bytes = wire.Address.encode({ type: { $case: 'service', value } }).finish()
    expect(() => decodeAddress(bytes)).toThrow(new RegExp(`^${field}: `))
  })

  it.each<[string, Partial<security.Authorization>]>([
    ['scope', { scope: unknown }],
    ['action', { action: unknown }],
    ['string match', ruleOf({ principals: [{ matchType: undefined }] })],
    ['source_ips', ruleOf({ sourceIps: [{ address: Uint8Array.of(10, 0, 0, 1), length: 8 }] })],
    ['not_source_ips', ruleOf({ notSourceIps: [{ address: Uint8Array.of(10, 0, 0), length: 8 }] })],
    ['destination_ips', ruleOf({ destinationIps: [{ address: Uint8Array.of(10, 0, 0, 0), length: 33 }] })],
    ['not_destination_ips', ruleOf({ notDestinationIps: [{ address: new Uint8Array(0), length: 0 }] })],
  ])('a policy: %s %#', (field, parts) => {
    const bytes = security.Authorization.encode({ ...policy, ...parts }).finish()
    expect(() => decodeAuthorization(bytes)).toThrow(field)
  })

  it('settings', () => {
    const good = WireSettings.decode(encodeSettings(settings()))
    const bad = (parts: Partial<WireSettings>) => WireSettings.encode({ ...good, ...parts }).finish()
    expect(() => decodeSettings(bad({ egress: unknown }))).toThrow(/^egress: /)
    expect(() => decodeSettings(bad({ sidecarScope: unknown }))).toThrow(/^sidecar_scope: /)
    const network = { address: Uint8Array.of(10, 1, 0, 0), length: 8 }
    expect(() => decodeSettings(bad({ networks: [network] }))).toThrow(/^networks: 10\.1\.0\.0\/8/)
  })

  it('a trust bundle', () => {
    const secret = (pem: string) => encodeTrustBundle({ trustDomain: 'cluster.local', rootsPem: pem })
    expect(() => decodeTrustBundle(Secret.encode({ name: 'x', type: undefined }).finish())).toThrow(
      'validation_context',
    )
    expect(() => decodeTrustBundle(secret(''))).toThrow('trusted_ca')
    expect(() => decodeTrustBundle(secret('no PEM'))).toThrow('cluster.local holds no PEM certificate')
    const junk = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    const good = new TestPki().root.certificate.toString()
    expect(() => decodeTrustBundle(secret(good + junk))).toThrow(
      'certificate 2 of the trust bundle of cluster.local',
    )
  })

  it('an address that is nothing at all', () => {
    expect(() => decodeAddress(wire.Address.encode({ type: undefined }).finish())).toThrow(/^type: /)
  })
})

it('what the wire leaves out has the meaning that the wire gives it', () => {
  const bare = wire.Workload.decode(new Uint8Array())
  const value = { ...bare, uid: 'u', namespace: 'shop' }
  const bytes = wire.Address.encode({ type: { $case: 'workload', value } }).finish()
  expect(decodeAddress(bytes)).toMatchObject({
    workload: { identity: identity('default'), tunnel: 'none', health: 'healthy', hostNetwork: false },
  })
})

function wireWorkload(workload: Workload): wire.Workload {
  const { type } = wire.Address.decode(encodeWorkload(workload))
  if (type?.$case !== 'workload') throw new TypeError('no workload')
  return type.value
}

function wireService(service: Service): wire.Service {
  const { type } = wire.Address.decode(encodeService(service))
  if (type?.$case !== 'service') throw new TypeError('no service')
  return type.value
}

function ruleOf(parts: Partial<security.Match>): Partial<security.Authorization> {
  const match = { ...security.Match.decode(new Uint8Array()), ...parts }
  return { rules: [{ clauses: [{ matches: [match] }] }] }
}

function outcomeOf(action: () => unknown): string {
  try {
    action()
    return 'answered'
  } catch (error) {
    return error instanceof Error ? 'threw an Error' : 'threw something else'
  }
}
