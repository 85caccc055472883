import { describe, expect, test } from 'vitest'
import { parseIp } from '#mesh/address.ts'
import { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret.ts'
import { Resource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { Address, LoadBalancing_HealthPolicy, WorkloadStatus } from '#proto/istio/workload/workload.ts'
import { MeshSettings } from '#proto/weft/mesh/v1alpha1/settings.ts'
import { buildModel } from './build-model.ts'
import { find, type Model } from './model.ts'
import { pod, policy, registry, service } from './testing/registries.ts'
import { type TypeUrl, typeUrls } from './type-urls.ts'

const bundle = { trustDomain: 'cluster.local', rootsPem: 'ROOTS' }

function body(model: Model, type: TypeUrl, name: string): Uint8Array {
  const resource = find(model.types.get(type), name)
  if (!resource) throw new Error(`no ${name}`)
  const { resource: any } = Resource.decode(resource.encoded)
  expect(any?.typeUrl).toBe(type)
  return any!.value
}

function address(model: Model, name: string) {
  return Address.decode(body(model, typeUrls.address, name)).type
}

describe('addresses', () => {
  const model = buildModel(
    registry({
      workloads: [
        pod('shop/backend-1', '10.77.0.12', { serviceAccount: 'backend', node: 'node-a' }),
        pod('shop/backend-2', '10.77.0.13', { ready: false, meshed: false }),
        pod('bank/backend-1', '10.77.0.14'),
        pod('shop/agent', '192.0.2.1', { hostNetwork: true }),
        pod('shop/z-owner', '192.0.2.1'),
      ],
      services: [
        service('shop/backend', '10.77.100.1'),
        service('shop/everything', '10.77.100.2', { selector: {}, publishNotReadyAddresses: true }),
      ],
    }),
    bundle,
  )

  test('a workload carries its identity, its services and the name of its pod', () => {
    const found = address(model, 'Kubernetes//Pod/shop/backend-1')
    expect(found).toMatchObject({
      $case: 'workload',
      value: {
        uid: 'Kubernetes//Pod/shop/backend-1',
        serviceAccount: 'backend',
        trustDomain: 'cluster.local',
        tunnelProtocol: 1,
        status: WorkloadStatus.HEALTHY,
        node: 'node-a',
        canonicalName: 'backend',
      },
    })
    const services = found?.$case === 'workload' ? found.value.services : new Map()
    expect([...services]).toEqual([
      [
        'shop/backend.shop.svc.cluster.local',
        { ports: [{ servicePort: 80, targetPort: 8080, appProtocol: 0 }] },
      ],
    ])
  })

  test('an unmeshed pod is published too, and one that is not ready as unhealthy', () => {
    expect(address(model, '/10.77.0.13')).toMatchObject({
      value: { tunnelProtocol: 0, status: WorkloadStatus.UNHEALTHY },
    })
    expect(model.pods.has('shop/backend-2')).toBe(false)
  })

  test('a service selects in its own namespace only, and an empty selector selects nothing', () => {
    const elsewhere = address(model, '/10.77.0.14')
    expect(elsewhere?.$case === 'workload' && elsewhere.value.services.size).toBe(0)
    const agent = address(model, 'Kubernetes//Pod/shop/agent')
    expect(agent?.$case === 'workload' && agent.value.services.size).toBe(0)
  })

  test('a service is found by its virtual address and says when unready endpoints count', () => {
    expect(address(model, '/10.77.100.1')).toMatchObject({
      $case: 'service',
      value: { loadBalancing: undefined },
    })
    expect(address(model, 'shop/everything.shop.svc.cluster.local')).toMatchObject({
      value: { loadBalancing: { healthPolicy: LoadBalancing_HealthPolicy.ALLOW_ALL } },
    })
  })

  test("an address shared with the host's network belongs to the other pod", () => {
    expect(find(model.types.get(typeUrls.address), '/192.0.2.1')?.name).toBe('Kubernetes//Pod/shop/z-owner')
  })
})

test('who sees a namespace alone asks about every address that may be a meshed pod’s; who sees all need not', () => {
  const beyond = { network: '', ip: parseIp('203.0.113.9')! }
  const lists = {
    workloads: [
      pod('bank/backend-1', '192.0.2.4'),
      pod('bank/agent', '192.0.2.5', { meshed: false }),
      pod('bank/inside', '10.77.0.12'),
    ],
    services: [service('bank/backend', '10.77.100.1', { ingressAddresses: [beyond, beyond] })],
  }
  const networks = (sidecarScope: 'mesh' | 'namespace') => {
    const model = buildModel(registry({ ...lists, mesh: { sidecarScope } }), bundle)
    return MeshSettings.decode(body(model, typeUrls.settings, 'mesh')).networks
  }
  const all = [{ address: Uint8Array.of(10, 77, 0, 0), length: 16 }]
  expect(networks('mesh')).toEqual(all)
  expect(networks('namespace')).toEqual([
    ...all,
    { address: Uint8Array.of(192, 0, 2, 4), length: 32 },
    { address: Uint8Array.of(203, 0, 113, 9), length: 32 },
  ])
})

test('settings and trust bundle', () => {
  const model = buildModel(registry({ mesh: { trustDomain: 'example.org' } }), {
    trustDomain: 'example.org',
    rootsPem: 'ROOTS',
    crlPem: 'CRL',
  })
  const settings = MeshSettings.decode(body(model, typeUrls.settings, 'mesh'))
  expect(settings.networks).toEqual([{ address: Uint8Array.of(10, 77, 0, 0), length: 16 }])
  const secret = Secret.decode(body(model, typeUrls.secret, 'example.org'))
  const bytes = (text: string) => ({
    specifier: { $case: 'inlineBytes', value: new Uint8Array(Buffer.from(text)) },
  })
  expect(secret.type?.value).toEqual({ trustedCa: bytes('ROOTS'), crl: bytes('CRL') })
})

test('a pod is given the policies that hold on it, its own and those of the whole mesh', () => {
  const model = buildModel(
    registry({
      workloads: [pod('shop/backend-1', '10.77.0.12'), pod('shop/frontend-1', '10.77.0.11')],
      policies: [policy('shop/backend'), policy('weft-system/floor', { selector: undefined })],
    }),
    bundle,
  )
  expect(model.pods.get('shop/backend-1')?.authorizations).toEqual(
    new Set(['shop/backend', 'weft-system/floor']),
  )
  expect(model.pods.get('shop/frontend-1')?.authorizations).toEqual(new Set(['weft-system/floor']))
  expect(address(model, '/10.77.0.12')).toMatchObject({
    value: { authorizationPolicies: ['shop/backend', 'weft-system/floor'] },
  })
})

describe('versions', () => {
  const state = registry({
    workloads: [pod('shop/backend-1', '10.77.0.12'), pod('shop/frontend-1', '10.77.0.11')],
    services: [
      service('shop/backend', '10.77.100.1'),
      service('shop/a', '10.77.100.3', { selector: { app: 'backend' } }),
    ],
  })

  test('depend on the content alone, not on its order', () => {
    const rearranged = registry({
      workloads: state.workloads.toReversed(),
      services: state.services.toReversed(),
    })
    expect(buildModel(rearranged, bundle).version).toBe(buildModel(state, bundle).version)
  })

  test('change when a pod is replaced by another of the same name', () => {
    const [first, ...rest] = state.workloads
    const replaced = registry({ ...state, workloads: [{ ...first!, podUid: 'another' }, ...rest] })
    expect(buildModel(replaced, bundle).version).not.toBe(buildModel(state, bundle).version)
  })
})
