import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createMetrics } from '#runtime/metrics.ts'
import { recordingLog } from '../../authority/testing/recording-log.ts'
import type { RegistryState } from '../../model/registry-state.ts'
import { createKubernetesRegistry, type KubernetesRegistryOptions } from './kubernetes-registry.ts'
import { Cache } from './list-watch/cache.ts'
import type { Kept } from './list-watch/kind.ts'
import type { ConfigMap } from './objects/config-map.ts'
import { type EndpointSlice, trimEndpointSlice } from './objects/endpoint-slice.ts'
import { type Pod, trimPod } from './objects/pod.ts'
import { type Service, trimService } from './objects/service.ts'
import { raw, rawPod } from './testing/raw.ts'

let end: AbortController
beforeEach(() => {
  end = new AbortController()
})
afterEach(() => end.abort())

function listed<T extends Kept>(...objects: readonly T[]): Cache<T> {
  const cache = new Cache<T>()
  cache.replace(objects)
  return cache
}

let version = 0
function settings(text: string): ConfigMap {
  const resourceVersion = String(++version)
  const data = { 'settings.yaml': `networks: [10.244.0.0/16]\n${text}` }
  return { namespace: 'weft-system', name: 'weft-settings', uid: 'uid', resourceVersion, data }
}

interface Balanced {
  readonly services?: readonly Service[]
  readonly slices?: readonly EndpointSlice[]
}

function start(written: string, { services = [], slices = [] }: Balanced = {}) {
  const pods = listed<Pod>()
  const maps = listed(settings(written))
  const cluster: KubernetesRegistryOptions['cluster'] = {
    pods,
    settings: maps,
    services: listed(...services),
    endpointSlices: listed(...slices),
    namespaces: listed(),
    nodes: listed(),
    serviceCidrs: listed(),
    peerAuthentications: listed(),
    authorizationPolicies: listed(),
    sources: [pods, maps],
  }
  const { log, records } = recordingLog()
  const metrics = createMetrics()
  const registry = createKubernetesRegistry({ cluster, log, metrics, settle: 1 })
  const states = registry.watch(end.signal)[Symbol.asyncIterator]()
  return {
    records,
    next: async (): Promise<RegistryState> => ((await states.next()) as { value: RegistryState }).value,
    write: (text: string) => maps.replace([settings(text)]),
    run: (pod: string) => pods.set(pod, trimPod(rawPod(pod))),
    rejected: async () => (await metrics.getSingleMetric('weft_registry_rejected')?.get())?.values[0]?.value,
  }
}

describe('a trust domain that is changed while the mesh runs', () => {
  test('is refused by name, and everything else goes on', async () => {
    const running = start('trustDomain: mesh.example')
    expect((await running.next()).mesh.trustDomain).toBe('mesh.example')
    expect(await running.rejected()).toBe(0)

    running.write('trustDomain: other.example\negress: registry-only')
    running.run('shop/cart')
    const state = await running.next()
    expect(state.mesh).toMatchObject({ trustDomain: 'mesh.example', settings: { egress: 'passthrough' } })
    expect(state.workloads).toMatchObject([{ name: 'cart' }])
    expect(await running.rejected()).toBe(1)
    expect(running.records).toMatchObject([
      { message: 'settings refused', problem: expect.stringContaining('write mesh.example') as unknown },
      { message: 'the last good settings stay' },
    ])

    running.write('trustDomain: mesh.example\negress: registry-only')
    expect((await running.next()).mesh.settings.egress).toBe('registry-only')
    expect(await running.rejected()).toBe(0)
  })
})

test('an endpoint inside the networks that nobody has is told once, with what to do', async () => {
  const labels = { 'kubernetes.io/service-name': 'db' }
  const endpoints = [{ addresses: ['10.244.9.9'] }]
  const ports = [{ name: '', port: 5432 }]
  const running = start('', {
    services: [trimService(raw('shop/db', { spec: { clusterIP: '10.96.0.9', ports: [{ port: 5432 }] } }))!],
    slices: [trimEndpointSlice(raw('shop/db-1', { addressType: 'IPv4', endpoints, ports }, { labels }))!],
  })
  await running.next()
  running.run('shop/cart')
  await running.next()
  expect(running.records.map(({ message }) => message)).toEqual([
    'service shop/db does not lead to its endpoint 10.244.9.9, which lies inside the networks of the mesh and is no ' +
      'pod’s: a pod could get it, so nobody is dialled there in plaintext. If it is none of pods or services, write ' +
      'networks that leave it out into ConfigMap weft-settings',
  ])
})
