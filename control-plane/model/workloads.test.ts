import { describe, expect, test } from 'vitest'
import { parseIp } from '#mesh/address.ts'
import type { RegistryEndpoint } from './registry-state.ts'
import { endpoint as endpointOf, pod, registry, service } from './testing/registries.ts'
import { populationOf } from './workloads.ts'

const backend = 'shop/backend.shop.svc.cluster.local'

function populate(parts: Parameters<typeof registry>[0]) {
  const { workloads, services } = populationOf(registry(parts), () => [])
  return {
    service: (key: string) => services.find((one) => one.key === key),
    workloads: workloads.filter(({ services: of }) => of.size > 0),
    uids: workloads.map(({ uid }) => uid),
  }
}

/** On a port that no pod has. */
function endpoint(ip: string, parts: Partial<RegistryEndpoint> = {}): RegistryEndpoint {
  return endpointOf(ip, { ports: new Map([['http', 9000]]), ...parts })
}

function naming(...endpoints: readonly RegistryEndpoint[]) {
  return { selector: {}, endpoints }
}

function inZone(zone: string, node = '') {
  return { node, locality: { region: '', zone, subzone: '' } }
}

describe('a service that names its endpoints', () => {
  test('has the pods of those addresses, of whatever namespace, and others as workloads without a tunnel', () => {
    const { workloads } = populate({
      workloads: [pod('shop/backend-1', '10.77.0.1'), pod('bank/vault-1', '10.77.0.2')],
      services: [
        service(
          'shop/backend',
          '10.77.100.1',
          naming(endpoint('10.77.0.2'), endpoint('192.0.2.9', { zone: 'a' })),
        ),
      ],
    })
    const mapping = new Map([[backend, [{ servicePort: 80, targetPort: 9000 }]]])
    expect(workloads).toMatchObject([
      { uid: 'Kubernetes//Pod/bank/vault-1', tunnel: 'hbone', services: mapping },
      {
        uid: 'Kubernetes/discovery.k8s.io/EndpointSlice/shop/192.0.2.9',
        namespace: 'shop',
        addresses: ['192.0.2.9'],
        tunnel: 'none',
        health: 'healthy',
        locality: { zone: 'a' },
        services: mapping,
        authorizationPolicies: [],
      },
    ])
  })

  test('leaves out those that are not ready, also when the pod is, unless it publishes them', () => {
    const workloads = [pod('shop/backend-1', '10.77.0.1')]
    const both = naming(endpoint('10.77.0.1', { ready: false }), endpoint('192.0.2.9', { ready: false }))
    const open = { ...both, publishNotReadyAddresses: true }
    expect(
      populate({ workloads, services: [service('shop/backend', '10.77.100.1', both)] }).workloads,
    ).toEqual([])
    expect(
      populate({ workloads, services: [service('shop/backend', '10.77.100.1', open)] }).workloads,
    ).toMatchObject([{ health: 'healthy' }, { health: 'unhealthy' }])
  })

  test('leads to pods that end and still serve while none is ready, by node where it leads to the own node alone', () => {
    const ends = { ready: false, ending: true }
    const here = { node: 'node-a' }
    const there = { node: 'node-b' }
    const workloads = [
      pod('shop/old-1', '10.77.0.1', { ready: false, ...here }),
      pod('shop/new-1', '10.77.0.2', there),
      pod('shop/sick-1', '10.77.0.3', { ready: false, ...here }),
    ]
    const served = (parts: Parameters<typeof service>[2], ...more: readonly RegistryEndpoint[]) => {
      const named = naming(
        endpoint('10.77.0.1', { ...ends, ...here }),
        endpoint('10.77.0.3', { ready: false, ...here }),
        ...more,
      )
      return populate({
        workloads,
        services: [service('shop/backend', '10.77.100.1', { ...named, ...parts })],
      }).workloads.map(({ name, health }) => [name, health])
    }
    const ready = endpoint('10.77.0.2', there)
    expect(served({})).toEqual([['old-1', 'healthy']])
    expect(served({}, ready)).toEqual([['new-1', 'healthy']])
    expect(served({ internalTrafficPolicy: 'local' }, ready)).toEqual([
      ['old-1', 'healthy'],
      ['new-1', 'healthy'],
    ])
    const outside = endpoint('192.0.2.9', ends)
    expect(served({}, outside)).toEqual([
      ['old-1', 'healthy'],
      ['192.0.2.9', 'healthy'],
    ])
  })

  test.each([
    ['kube-flannel/flannel-1', true],
    ['kube-flannel/flannel-1', false],
    ['a/first-by-name', true],
    ['a/first-by-name', false],
    ['z/last-by-name', true],
    ['z/last-by-name', false],
  ])(
    'at a node’s address is as ready as it says itself, also where %s is on that host (ready: %s)',
    (other, ready) => {
      const onHost = { meshed: false, hostNetwork: true }
      const parts = (of: boolean) => ({
        workloads: [
          pod(other, '192.168.0.10', { ...onHost, ready }),
          pod('kube-system/api-1', '192.168.0.10', { ...onHost, ready: !ready }),
        ],
        services: [
          service('default/kubernetes', '10.77.100.1', naming(endpoint('192.168.0.10', { ready: of }))),
        ],
      })
      const key = 'default/kubernetes.default.svc.cluster.local'
      expect(populate(parts(true)).workloads).toMatchObject([
        {
          uid: 'Kubernetes/discovery.k8s.io/EndpointSlice/default/192.168.0.10',
          tunnel: 'none',
          hostNetwork: true,
          health: 'healthy',
          services: new Map([[key, [{ servicePort: 80, targetPort: 9000 }]]]),
        },
      ])
      expect(populate(parts(false)).workloads).toEqual([])
    },
  )

  test('has of the pods that share a node’s address the one that it names', () => {
    const onHost = { meshed: false, hostNetwork: true }
    const workloads = [
      pod('monitoring/agent-1', '192.168.0.10', onHost),
      pod('monitoring/exporter-1', '192.168.0.10', onHost),
      pod('monitoring/exporter-2', '192.168.0.11', onHost),
      pod('shop/backend-1', '10.77.0.1'),
    ]
    const served = (ip: string, name: string) =>
      populate({
        workloads,
        services: [service('shop/backend', '10.77.100.1', naming(endpoint(ip, { pod: name })))],
      }).workloads.map(({ uid }) => uid)
    expect(served('192.168.0.10', 'monitoring/exporter-1')).toEqual(['Kubernetes//Pod/monitoring/exporter-1'])
    const outside = ['Kubernetes/discovery.k8s.io/EndpointSlice/shop/192.168.0.10']
    // Whoever writes a slice may name any pod: it is one there, or none.
    expect(served('192.168.0.10', 'monitoring/exporter-2')).toEqual(outside)
    expect(served('192.168.0.10', 'shop/backend-1')).toEqual(outside)
    // And a meshed pod's address is that pod, whatever is said.
    expect(served('10.77.0.1', 'monitoring/exporter-1')).toEqual(['Kubernetes//Pod/shop/backend-1'])
  })

  test('has an address once, whichever services of the namespace name it', () => {
    const { workloads } = populate({
      services: [
        service('shop/backend', '10.77.100.1', naming(endpoint('192.0.2.9', { ready: false }))),
        service('shop/other', '10.77.100.2', naming(endpoint('192.0.2.9'))),
        service('bank/backend', '10.77.100.3', naming(endpoint('192.0.2.9'))),
      ].map((one) => ({ ...one, publishNotReadyAddresses: true })),
    })
    expect(workloads.map(({ namespace, services, health }) => [namespace, services.size, health])).toEqual([
      ['bank', 1, 'healthy'],
      ['shop', 2, 'healthy'],
    ])
  })

  test('never leads to a virtual address, behind which there may be a meshed pod', () => {
    const { uids } = populate({
      services: [
        service('shop/backend', '10.77.100.1', naming(endpoint('10.77.100.2'))),
        service('shop/other', '10.77.100.2'),
      ],
    })
    expect(uids).toEqual([])
  })

  test('joins ports by name, and an endpoint without the name does not serve the port', () => {
    const ports = [
      { name: 'http', port: 80, targetPort: 'web' },
      { name: 'admin', port: 81, targetPort: 9001 },
    ]
    const { workloads, service: find } = populate({
      services: [service('shop/backend', '10.77.100.1', { ...naming(endpoint('192.0.2.9')), ports })],
    })
    expect(workloads[0]?.services.get(backend)).toEqual([{ servicePort: 80, targetPort: 9000 }])
    expect(find(backend)?.ports).toEqual([
      { servicePort: 80, targetPort: 0 },
      { servicePort: 81, targetPort: 9001 },
    ])
  })
})

test('a target port by name is the number that each workload gives it', () => {
  const { workloads } = populate({
    workloads: [
      pod('shop/backend-1', '10.77.0.1', { ports: new Map([['web', 8001]]) }),
      pod('shop/backend-2', '10.77.0.2', { ports: new Map([['web', 8002]]) }),
      pod('shop/backend-3', '10.77.0.3'),
    ],
    services: [
      service('shop/backend', '10.77.100.1', { ports: [{ name: '', port: 80, targetPort: 'web' }] }),
    ],
  })
  expect(workloads.map(({ services }) => services.get(backend))).toEqual([
    [{ servicePort: 80, targetPort: 8001 }],
    [{ servicePort: 80, targetPort: 8002 }],
    [],
  ])
})

describe('which endpoints a client prefers', () => {
  const preference = (
    parts: Parameters<typeof service>[2],
    ...workloads: readonly ReturnType<typeof pod>[]
  ) => {
    return populate({ workloads, services: [service('shop/backend', '10.77.100.1', parts)] }).service(backend)
      ?.preference
  }
  const one = pod('shop/backend-1', '10.77.0.1', inZone('a', 'node-a'))
  const two = pod('shop/backend-2', '10.77.0.2', inZone('b', 'node-b'))
  const lost = pod('shop/backend-3', '10.77.0.3')

  test('is nothing by itself, and its own node alone with internalTrafficPolicy local', () => {
    expect(preference({}, one, two)).toMatchObject({ mode: 'any', scopes: [] })
    expect(preference({ internalTrafficPolicy: 'local' }, one, lost)).toMatchObject({
      mode: 'strict',
      scopes: ['node'],
    })
  })

  test('is its zone, or zone and node, while every endpoint has them', () => {
    const zone = { trafficDistribution: 'prefer-zone' } as const
    const node = { trafficDistribution: 'prefer-node' } as const
    expect(preference(zone, one, two)).toMatchObject({ mode: 'failover', scopes: ['zone'] })
    expect(preference(node, one, two)).toMatchObject({ mode: 'failover', scopes: ['zone', 'node'] })
    expect(preference(zone, one, lost)).toMatchObject({ mode: 'any', scopes: [] })
    expect(preference(node, one, lost)).toMatchObject({ mode: 'any', scopes: [] })
  })

  test('follows the hints of named endpoints, told by uid only where they are not the endpoint’s own zone', () => {
    const named = (...hints: readonly (readonly string[])[]) =>
      naming(
        ...hints.map((zones, i) =>
          endpoint(`10.77.0.${i + 1}`, { hints: zones, zone: ['a', 'b', ''][i] ?? '' }),
        ),
      )
    expect(preference(named(['a'], ['b']), one, two)).toMatchObject({
      mode: 'failover',
      zoneHints: new Map(),
    })
    expect(preference(named(['c', 'a'], ['b']), one, two)).toMatchObject({
      mode: 'failover',
      scopes: ['zone'],
      zoneHints: new Map([['Kubernetes//Pod/shop/backend-1', ['a', 'c']]]),
    })
    expect(preference(named(['a'], []), one, two)).toMatchObject({ mode: 'any' })
    const unready = naming(endpoint('10.77.0.1', { hints: ['a'] }), endpoint('10.77.0.2', { ready: false }))
    expect(preference(unready, one, two)).toMatchObject({ mode: 'failover', scopes: ['zone'] })
    const ending = naming(endpoint('10.77.0.1', { ready: false, ending: true }))
    expect(preference({ ...ending, trafficDistribution: 'prefer-zone' }, one)).toMatchObject({
      scopes: ['zone'],
    })
    expect(preference(ending, one)).toMatchObject({ mode: 'any' })
  })
})

test('a load balancer’s address leads to the service, unless a pod or a service has it', () => {
  const ingress = ['203.0.113.1', '10.77.0.1', '10.77.100.2'].map((ip) => ({ network: '', ip: parseIp(ip)! }))
  const { service: find } = populate({
    workloads: [pod('shop/backend-1', '10.77.0.1')],
    services: [
      service('shop/backend', '10.77.100.1', { ingressAddresses: ingress }),
      service('shop/other', '10.77.100.2'),
    ],
  })
  expect(find(backend)?.addresses.map(({ ip }) => ip)).toEqual(['10.77.100.1', '203.0.113.1'])
})
