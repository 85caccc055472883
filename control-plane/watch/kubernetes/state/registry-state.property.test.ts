import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCidr } from '#mesh/address.ts'
import { trimEndpointSlice } from '../objects/endpoint-slice.ts'
import { trimNode } from '../objects/node.ts'
import { trimPod } from '../objects/pod.ts'
import { trimService } from '../objects/service.ts'
import { raw, rawPod } from '../testing/raw.ts'
import { ClusterMemory, type ClusterView, clusterState } from './registry-state.ts'

const zones = fc.constantFrom('a', 'b')

/** What can be said of two pods that may claim one address, a service, a node and the slices of the service. */
const cluster = fc.record({
  pods: fc.uniqueArray(
    fc.record({ id: fc.nat(2), ip: fc.nat(2), ready: fc.boolean(), hostNetwork: fc.boolean() }),
    { selector: ({ id }) => id },
  ),
  slices: fc.uniqueArray(
    fc.record({ id: fc.nat(1), ips: fc.uniqueArray(fc.nat(3)), ready: fc.boolean(), port: zones }),
    { selector: ({ id }) => id },
  ),
  ingress: fc.option(fc.constantFrom('192.0.2.7', '10.244.0.1'), { nil: undefined }),
  zone: zones,
  network: fc.constantFrom('10.244.0.0/16', '10.99.0.0/16'),
})

type Cluster = typeof cluster extends fc.Arbitrary<infer Value> ? Value : never

/** An object of the cluster stays the same one until something in it changes, as in the caches of the watches. */
class Objects {
  readonly #made = new Map<string, unknown>()

  get<T>(kind: string, description: unknown, make: () => T | undefined): T {
    const key = `${kind} ${JSON.stringify(description)}`
    if (!this.#made.has(key)) this.#made.set(key, make())
    return this.#made.get(key) as T
  }
}

function viewOf({ pods, slices, ingress, zone, network }: Cluster, objects: Objects): ClusterView {
  const labels = { 'topology.kubernetes.io/zone': zone }
  return {
    pods: pods.map((pod) =>
      objects.get('pod', pod, () => {
        const { id, ip, ready, hostNetwork } = pod
        const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }]
        const parts = { ip: `10.244.0.${ip}`, status: { conditions }, spec: { hostNetwork } }
        return trimPod(rawPod(`shop/cart-${id}`, parts))
      }),
    ),
    nodes: [
      objects.get('node', zone, () =>
        trimNode(
          raw(
            'node-a',
            { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] } },
            { labels },
          ),
        ),
      ),
    ],
    services: [
      objects.get('service', ingress, () => {
        const status = { loadBalancer: { ingress: ingress ? [{ ip: ingress }] : [] } }
        return trimService(
          raw('shop/cart', { spec: { ports: [{ port: 80 }], clusterIP: '10.96.0.1' }, status }),
        )
      }),
    ],
    endpointSlices: slices.map((slice) =>
      objects.get('slice', slice, () => {
        const endpoints = slice.ips.map((ip) => ({
          addresses: [`10.244.0.${ip}`],
          conditions: { ready: slice.ready },
          ...(ip < 2 && { targetRef: { kind: 'Pod' } }),
        }))
        const ports = [{ name: '', port: slice.port === 'a' ? 8080 : 9090 }]
        const of = { 'kubernetes.io/service-name': 'cart' }
        return trimEndpointSlice(
          raw(`shop/cart-${slice.id}`, { addressType: 'IPv4', endpoints, ports }, { labels: of }),
        )
      }),
    ),
    policies: [],
    settings: {
      mesh: {
        settings: {
          network: '',
          networks: [parseCidr(network)!],
          egress: 'passthrough',
          rejectPlaintextFromMesh: false,
        },
        trustDomain: 'cluster.local',
        sidecarScope: 'mesh',
      },
      honorExternalIps: false,
    },
  }
}

test('whatever the cluster was before, its state is what it would be without a memory', () => {
  fc.assert(
    fc.property(fc.array(cluster, { minLength: 2, maxLength: 6 }), (steps) => {
      const [objects, memory] = [new Objects(), new ClusterMemory()]
      for (const step of steps) {
        expect(clusterState(viewOf(step, objects), memory)).toEqual(clusterState(viewOf(step, objects)))
      }
    }),
    { numRuns: 400 },
  )
})

test('what did not change is the same object in the next state', () => {
  const [objects, memory] = [new Objects(), new ClusterMemory()]
  const pods = [
    { id: 0, ip: 0, ready: true, hostNetwork: false },
    { id: 1, ip: 1, ready: true, hostNetwork: false },
  ]
  const step: Cluster = { pods, slices: [], ingress: undefined, zone: 'a', network: '10.244.0.0/16' }
  const before = clusterState(viewOf(step, objects), memory).state
  const changed = { ...step, pods: [pods[0]!, { ...pods[1]!, ready: false }] }
  const after = clusterState(viewOf(changed, objects), memory).state
  expect(after.workloads.map((one, i) => one === before.workloads[i])).toEqual([true, false])
  expect(after.services[0]).toBe(before.services[0])
})
