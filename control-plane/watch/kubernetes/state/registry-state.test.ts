import { describe, expect, test } from 'vitest'
import { parseCidr } from '#mesh/address.ts'
import { type EndpointSlice, trimEndpointSlice } from '../objects/endpoint-slice.ts'
import { type Node, trimNode } from '../objects/node.ts'
import { type Pod, trimPod } from '../objects/pod.ts'
import { type Service, trimService } from '../objects/service.ts'
import { type RunningPod, raw, rawPod } from '../testing/raw.ts'
import { type ClusterView, clusterState } from './registry-state.ts'

const settings: ClusterView['settings'] = {
  mesh: {
    settings: {
      network: '',
      networks: [parseCidr('10.244.0.0/16')!, parseCidr('10.96.0.0/12')!],
      egress: 'passthrough',
      rejectPlaintextFromMesh: false,
    },
    trustDomain: 'cluster.local',
    sidecarScope: 'mesh',
  },
  honorExternalIps: false,
}

function stateOf(parts: Partial<ClusterView>) {
  const nothing = { pods: [], services: [], endpointSlices: [], nodes: [], policies: [] }
  return clusterState({ ...nothing, settings, ...parts })
}

const pod = (key: string, parts: RunningPod = {}): Pod => trimPod(rawPod(key, parts))!
const node = (name: string, labels: Record<string, string>, address = '192.0.2.1'): Node =>
  trimNode(raw(name, { status: { addresses: [{ type: 'InternalIP', address }] } }, { labels }))

function service(key: string, spec: Record<string, unknown>, age = 0, ingress: string[] = []): Service {
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1, 0, age)).toISOString()
  const status = { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } }
  return trimService(raw(key, { spec: { ports: [{ port: 80 }], ...spec }, status }, { creationTimestamp }))!
}

function slice(
  key: string,
  of: string,
  endpoints: unknown[],
  ports: unknown = [{ name: '', port: 8080 }],
): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': of }
  return trimEndpointSlice(raw(key, { addressType: 'IPv4', endpoints, ports }, { labels }))!
}

const addressesOf = ({ state }: ReturnType<typeof stateOf>) =>
  Object.fromEntries(
    state.services.map(({ name, addresses, ingressAddresses }) => [
      name,
      [addresses.map(({ ip }) => ip), ingressAddresses.map(({ ip }) => ip)],
    ]),
  )

describe('pods', () => {
  test('are where their node is', () => {
    const labels = { 'topology.kubernetes.io/region': 'eu', 'topology.kubernetes.io/zone': 'eu-1' }
    const { state } = stateOf({ pods: [pod('shop/cart')], nodes: [node('node-a', labels)] })
    expect(state.workloads[0]?.locality).toEqual({ region: 'eu', zone: 'eu-1', subzone: '' })
  })

  test('without an address are not there yet', () => {
    expect(
      stateOf({ pods: [pod('shop/cart', { status: { podIP: '', podIPs: [] } })] }).state.workloads,
    ).toEqual([])
  })

  test('that name one address: the newest has it, and one that ends never does', () => {
    const at = (minute: number) => ({ creationTimestamp: `2026-01-01T00:0${minute}:00Z` })
    const pods = [
      pod('shop/old', { metadata: at(1) }),
      pod('shop/new', { metadata: at(2) }),
      pod('shop/ending', { metadata: { ...at(3), deletionTimestamp: '2026-01-01T00:09:00Z' } }),
    ]
    for (const order of [pods, pods.toReversed()]) {
      expect(stateOf({ pods: order }).state.workloads.map(({ name }) => name)).toEqual(['new'])
    }
  })

  test('on the network of their node keep its address, and take none from anybody', () => {
    const pods = [
      pod('kube-system/proxy', { ip: '192.0.2.1', spec: { hostNetwork: true } }),
      pod('kube-system/agent', { ip: '192.0.2.1', spec: { hostNetwork: true } }),
    ]
    expect(stateOf({ pods }).state.workloads).toMatchObject([
      { name: 'proxy', addresses: ['192.0.2.1'], meshed: false, hostNetwork: true },
      { name: 'agent', addresses: ['192.0.2.1'] },
    ])
  })

  test('outside of the networks of the mesh are told', () => {
    const pods = [pod('shop/in'), pod('shop/out', { ip: '172.16.0.1' })]
    const state = stateOf({ pods })
    expect(state.outside).toEqual(['172.16.0.1'])
    expect(state.state.workloads).toHaveLength(2)
  })
})

describe('an address that several claim', () => {
  const claimed = '203.0.113.7'

  test('belongs to the oldest service, and the others are told', () => {
    const services = [service('b/young', {}, 2, [claimed]), service('a/old', {}, 1, [claimed])]
    const state = stateOf({ services })
    expect(addressesOf(state)).toEqual({ old: [[], [claimed]], young: [[], []] })
    expect(state.lost).toMatchObject([{ service: { name: 'young' }, ip: claimed, owner: 'service a/old' }])
  })

  test('is a pod before it is anything else', () => {
    const services = [service('a/thief', { clusterIPs: ['10.96.0.1'] }, 0, ['10.244.0.5'])]
    const state = stateOf({ services, pods: [pod('shop/cart')] })
    expect(addressesOf(state)).toEqual({ thief: [['10.96.0.1'], []] })
    expect(state.lost).toMatchObject([{ owner: 'pod shop/cart' }])
  })

  test("is a virtual address before it is an older service's balancer", () => {
    const services = [
      service('a/thief', {}, 0, ['10.96.0.1']),
      service('b/owner', { clusterIPs: ['10.96.0.1'] }, 5),
    ]
    expect(addressesOf(stateOf({ services }))).toEqual({ thief: [[], []], owner: [['10.96.0.1'], []] })
  })

  test("is a node's before it is a balancer's, which is no mistake", () => {
    const state = stateOf({ services: [service('a/web', {}, 0, ['192.0.2.1'])], nodes: [node('node-a', {})] })
    expect(addressesOf(state)).toEqual({ web: [[], []] })
    expect(state.lost).toEqual([])
  })

  test('by spec.externalIPs counts only where the operator says so', () => {
    const services = [service('a/web', { externalIPs: [claimed] })]
    expect(addressesOf(stateOf({ services }))).toEqual({ web: [[], []] })
    const honoring = { ...settings, honorExternalIps: true }
    expect(addressesOf(stateOf({ services, settings: honoring }))).toEqual({ web: [[], [claimed]] })
  })

  test('twice by one service is its own', () => {
    const state = stateOf({ services: [service('a/web', { clusterIPs: ['10.96.0.1'] }, 0, ['10.96.0.1'])] })
    expect(addressesOf(state)).toEqual({ web: [['10.96.0.1'], []] })
    expect(state.lost).toEqual([])
  })
})

describe('endpoints', () => {
  const services = [service('shop/cart', { clusterIPs: ['10.96.0.1'], selector: { app: 'cart' } })]

  test('are those of its slices, also of a service without a selector and for addresses of no pod', () => {
    const endpointSlices = [
      slice('shop/cart-1', 'cart', [{ addresses: ['10.244.0.5'] }]),
      slice('shop/cart-2', 'cart', [{ addresses: ['198.51.100.9'], conditions: { ready: false } }]),
      slice('other/cart-1', 'cart', [{ addresses: ['10.244.9.9'] }]),
    ]
    const { state } = stateOf({ services, endpointSlices, pods: [pod('shop/cart')] })
    expect(state.services[0]?.endpoints).toMatchObject([
      { address: '10.244.0.5', ready: true, ports: new Map([['', 8080]]) },
      { address: '198.51.100.9', ready: false },
    ])
  })

  test('that may be a pod which is not known yet are left out: it could be a meshed one', () => {
    const targetRef = { kind: 'Pod', name: 'cart' }
    const endpointSlices = [
      slice('shop/cart-1', 'cart', [
        { addresses: ['10.244.0.5'], targetRef },
        // Nobody says that it is a pod, but that is where pods are.
        { addresses: ['10.244.0.6'] },
        // A pod, says somebody, wherever it is.
        { addresses: ['198.51.100.9'], targetRef },
        { addresses: ['198.51.100.10'], targetRef: { kind: 'Node', name: 'node-a' } },
      ]),
    ]
    const addresses = (pods: Pod[]) =>
      stateOf({ services, endpointSlices, pods }).state.services[0]?.endpoints?.map(({ address }) => address)
    expect(addresses([])).toEqual(['198.51.100.10'])
    expect(addresses([pod('shop/cart')])).toEqual(['10.244.0.5', '198.51.100.10'])
  })

  test('inside the networks that nobody has are told, until they are somebody’s; a pod that comes is none of them', () => {
    const endpointSlices = [
      slice('shop/cart-1', 'cart', [
        { addresses: ['10.244.0.6'] },
        { addresses: ['10.244.0.7'], targetRef: { kind: 'Pod', name: 'cart-2' } },
        { addresses: ['198.51.100.9'] },
      ]),
      // A service that is not there has no endpoints that anybody could miss.
      slice('shop/gone-1', 'gone', [{ addresses: ['10.244.0.8'] }]),
    ]
    const { unclaimed } = stateOf({ services, endpointSlices })
    expect(unclaimed).toMatchObject([{ service: { namespace: 'shop', name: 'cart' }, ip: '10.244.0.6' }])
    const pods = [pod('shop/cart', { ip: '10.244.0.6' })]
    expect(stateOf({ services, endpointSlices, pods }).unclaimed).toEqual([])
  })

  test('at a node’s address are kept, also inside the networks: it is never a meshed pod’s', () => {
    const endpointSlices = [
      slice('shop/cart-1', 'cart', [
        { addresses: ['10.244.0.1'] },
        { addresses: ['10.244.0.2'], targetRef: { kind: 'Pod', name: 'cart-2' } },
      ]),
    ]
    const nodes = [node('node-a', {}, '10.244.0.1'), node('node-b', {}, '10.244.0.2')]
    const { state, unclaimed } = stateOf({ services, endpointSlices, nodes })
    expect(state.services[0]?.endpoints).toMatchObject([{ address: '10.244.0.1' }])
    expect(unclaimed).toEqual([])
  })

  test('of a service without slices are none, which is not the same as by its selector', () => {
    expect(stateOf({ services }).state.services[0]?.endpoints).toEqual([])
  })

  test('that end in one slice are as good as the other says: ready, then ending, then neither', () => {
    const at = (conditions: object) => [{ addresses: ['10.244.0.5'], conditions }]
    const ends = { ready: false, serving: true, terminating: true }
    for (const [other, expected] of [
      [{ ready: true }, { ready: true, ending: false }],
      [{ ready: false }, { ready: false, ending: true }],
    ] as const) {
      const slices = [slice('shop/cart-1', 'cart', at(ends)), slice('shop/cart-2', 'cart', at(other))]
      for (const endpointSlices of [slices, slices.toReversed()]) {
        const { state } = stateOf({ services, pods: [pod('shop/cart')], endpointSlices })
        expect(state.services[0]?.endpoints).toMatchObject([expected])
      }
    }
  })

  test('that stand in two slices are one: ready when either says so, with the ports of both', () => {
    const at = (ready: boolean) => [{ addresses: ['10.244.0.5'], conditions: { ready } }]
    const endpointSlices = [
      slice('shop/cart-2', 'cart', at(true), [{ name: 'admin', port: 9 }]),
      slice('shop/cart-1', 'cart', at(false), [{ name: 'http', port: 8080 }]),
    ]
    for (const order of [endpointSlices, endpointSlices.toReversed()]) {
      const { endpoints } = stateOf({ services, pods: [pod('shop/cart')], endpointSlices: order }).state
        .services[0]!
      const ports = new Map([
        ['http', 8080],
        ['admin', 9],
      ])
      expect(endpoints).toMatchObject([{ address: '10.244.0.5', ready: true, ports }])
    }
  })
})
