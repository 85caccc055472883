import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildModel } from '#control-plane/model/build-model.ts'
import type { RegistryState } from '#control-plane/model/registry-state.ts'
import { type ApiClient, createApiClient } from '#control-plane/watch/kubernetes/api/client.ts'
import { Cluster } from '#control-plane/watch/kubernetes/cluster.ts'
import { createKubernetesRegistry } from '#control-plane/watch/kubernetes/kubernetes-registry.ts'
import { createLog, type Log, silentLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { type ApiServer, hasApiServer, startApiServer } from './api-server/api-server.ts'
import { create, createNamespace, createPod, createSettings } from './api-server/manifests.ts'
import { TcpProxy } from './api-server/tcp-proxy.ts'

/** Shorter than in a cluster, so that a stalled watch is found within a test. */
const timing = { watch: 3_000, silence: 4_000, backoff: { minimum: 50, maximum: 500 } }
const namespace = 'shop'

let api: ApiServer

describe.skipIf(!hasApiServer)('watching a real API server', () => {
  beforeAll(async () => {
    api = await startApiServer()
    await createNamespace(api.client, 'weft-system')
    await createNamespace(api.client, namespace)
    await createSettings(api.client)
    await create(api.client, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-a' },
      spec: { podCIDR: '10.244.0.0/16' },
    })
  }, 120_000)

  afterAll(() => api?.[Symbol.asyncDispose](), 30_000)

  test('is told of every change while its connections are cut again and again', async () => {
    await using watcher = await watch()
    await using churn = startChurn()
    for (let i = 0; i < 20; i++) {
      await pause(200)
      watcher.proxy.cut()
    }
    await churn.stop()
    await watcher.agreesWithAFreshList()
    expect(churn.changes).toBeGreaterThan(50)
    // Most of it goes on where it stood: cut connections alone are no reason to list everything again.
    expect(await watcher.lists('pods')).toBeLessThan(10)
  }, 60_000)

  test('finds out that its watches say nothing any more, while new connections work', async () => {
    await using watcher = await watch()
    watcher.proxy.stall()
    await createPod(api.client, { namespace, name: 'unheard', ip: '10.244.200.1' })
    await pause(1_000)
    expect(watcher.pods()).not.toContain('unheard')
    await watcher.agreesWithAFreshList()
    expect(watcher.pods()).toContain('unheard')
    expect(watcher.messages().join('\n')).toContain('it said nothing for 4 s')
  }, 60_000)

  test('lists again when what it knows is too old, which a restarted API server says', async () => {
    await using watcher = await watch()
    await using churn = startChurn()
    await pause(1_000)
    // Its cache of past changes goes with it, so that older versions are Expired.
    await api.restart()
    await pause(3_000)
    await api.restart()
    await churn.stop()
    await watcher.agreesWithAFreshList()
    expect(watcher.messages().join('\n')).toContain('too old resource version')
    expect(churn.changes).toBeGreaterThan(20)
  }, 120_000)

  test('goes on after all of it at once: restarts, cuts and stalls under churn', async () => {
    await using watcher = await watch()
    await using churn = startChurn()
    for (let i = 0; i < 3; i++) {
      watcher.proxy.stall()
      await pause(500)
      const restarted = api.restart()
      await pause(300)
      watcher.proxy.cut()
      await restarted
      await pause(1_500)
    }
    await churn.stop()
    await watcher.agreesWithAFreshList()
    expect(await watcher.metric('weft_kubernetes_watch_missed_total')).toBe(0)
  }, 180_000)

  test('an API server that is away takes nothing away', async () => {
    await using watcher = await watch()
    await createPod(api.client, { namespace, name: 'kept', ip: '10.244.200.2' })
    await watcher.agreesWithAFreshList()
    const before = watcher.states()
    const restarted = api.restart()
    await restarted
    await pause(2_000)
    expect(watcher.pods()).toContain('kept')
    expect(watcher.states()).toBe(before)
  }, 60_000)

  test('10 000 pods are known page by page, and a control plane that serves them fits into 1 GB', async () => {
    // As much as a pod of some size has, that nobody here reads.
    const padding = { padding: 'x'.repeat(6_000) }
    const names = Array.from({ length: 10_000 }, (_, i) => `many-${i}`)
    await inParallel(names, async (name, i) => {
      await createPod(api.client, {
        namespace,
        name,
        ip: `10.244.${100 + (i >> 8)}.${i & 255}`,
        annotations: padding,
      })
    })
    await using watcher = await watch()
    await watcher.agreesWithAFreshList()
    expect(watcher.pods().filter((name) => name.startsWith('many-'))).toHaveLength(10_000)
    await using process = await startProcess()
    expect(process.peakMemory()).toBeLessThan(1_000_000_000)
    // Every change makes a model of all of them.
    for (let i = 0; i < 20; i++) {
      await relabel('many-0', i)
      await pause(200)
    }
    expect(process.peakMemory()).toBeLessThan(1_000_000_000)
  }, 900_000)
})

interface Watcher extends AsyncDisposable {
  readonly proxy: TcpProxy
  pods(): string[]
  /** How many states were yielded. */
  states(): number
  messages(): string[]
  lists(kind: string): Promise<number>
  metric(name: string): Promise<number>
  /** Waits until the model made of what was watched is that of a list made now. */
  agreesWithAFreshList(): Promise<void>
}

/** A registry behind a proxy, which is in step with the API server when this resolves. */
async function watch(): Promise<Watcher> {
  const proxy = await TcpProxy.start(api.port)
  const client = createApiClient(api.access(api.token, proxy.port))
  const metrics = createMetrics()
  const lines: string[] = []
  const log = createLog({ component: 'watch', level: 'debug', write: (line) => void lines.push(line) })
  const cluster = new Cluster({ client, namespace: 'weft-system', log, metrics, timing })
  const end = new AbortController()
  const states: RegistryState[] = []
  const registry = createKubernetesRegistry({ cluster, log, metrics })
  const running = (async () => {
    for await (const state of registry.watch(end.signal)) states.push(state)
  })()
  const value = async (name: string, kind?: string) => {
    const found = await metrics.getSingleMetric(name)?.get()
    const samples = found?.values.filter(({ labels }) => kind === undefined || labels['kind'] === kind) ?? []
    return samples.reduce((sum, sample) => sum + sample.value, 0)
  }
  await until(() => states.length > 0)
  return {
    proxy,
    pods: () => states.at(-1)!.workloads.map(({ name }) => name),
    states: () => states.length,
    messages: () => lines,
    lists: (kind) => value('weft_kubernetes_lists_total', kind),
    metric: (name) => value(name),
    async agreesWithAFreshList() {
      const fresh = await freshState(api.client, silentLog)
      await until(
        () => version(states.at(-1)!) === version(fresh),
        () => difference(states.at(-1)!, fresh),
      )
    },
    async [Symbol.asyncDispose]() {
      end.abort()
      await running
      await cluster.close()
      client.close()
      await proxy[Symbol.asyncDispose]()
    },
  }
}

/** What somebody sees who knows nothing yet. */
async function freshState(client: ApiClient, log: Log): Promise<RegistryState> {
  const metrics = createMetrics()
  const cluster = new Cluster({ client, namespace: 'weft-system', log, metrics })
  const end = new AbortController()
  try {
    for await (const state of createKubernetesRegistry({ cluster, log, metrics }).watch(end.signal))
      return state
    throw new Error('it yielded nothing')
  } finally {
    end.abort()
    await cluster.close()
  }
}

function version(state: RegistryState): string {
  return buildModel(state, { trustDomain: 'cluster.local', rootsPem: '' }).version
}

function difference(known: RegistryState, fresh: RegistryState): string {
  const names = (state: RegistryState) => new Set([...state.workloads, ...state.services].map(describeEntry))
  const missing = [...names(fresh).difference(names(known))]
  const stale = [...names(known).difference(names(fresh))]
  return `missing: ${missing.join(', ') || 'nothing'}; stale: ${stale.join(', ') || 'nothing'}`
}

function describeEntry(entry: { readonly name: string }): string {
  return JSON.stringify(entry, (_, value: unknown) => (value instanceof Map ? [...value] : value))
}

interface Process extends AsyncDisposable {
  /** Bytes that it had resident at most. */
  peakMemory(): number
}

/** The control plane as a process of its own, once it serves. */
async function startProcess(): Promise<Process> {
  const main = new URL('../../control-plane/main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [main], {
    env: {
      ...process.env,
      WEFT_REGISTRY: 'kubernetes',
      WEFT_LISTEN: '127.0.0.1:0',
      WEFT_METRICS_LISTEN: '127.0.0.1:0',
      KUBECONFIG: api.kubeconfig(api.token),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) if (line.includes('control plane ready')) break
  child.stdout.resume()
  return {
    peakMemory() {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) * 1_024
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function relabel(name: string, round: number): Promise<void> {
  await api.client.request({
    method: 'PATCH',
    path: `/api/v1/namespaces/${namespace}/pods/${name}`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { labels: { round: String(round) } } },
  })
}

interface Churn extends AsyncDisposable {
  readonly changes: number
  stop(): Promise<void>
}

/** Makes, changes and removes pods, services and endpoints without a pause, whatever becomes of the API server. */
function startChurn(): Churn {
  const end = new AbortController()
  let changes = 0
  const change = async (work: () => Promise<unknown>) => {
    // An API server that is away, or that did it and could not say so, is what this is about.
    await work().then(
      () => changes++,
      () => pause(50),
    )
  }
  const lane = async (lane: number) => {
    for (let i = 0; !end.signal.aborted; i++) {
      const name = `churn-${lane}-${i % 7}`
      const ip = `10.244.${lane}.${(i % 250) + 1}`
      const path = `/api/v1/namespaces/${namespace}`
      await change(() => createPod(api.client, { namespace, name, ip, labels: { app: `churn-${lane}` } }))
      await change(() => create(api.client, service(name)))
      await change(() => create(api.client, slice(name, ip)))
      await change(() => relabel(name, i))
      if (i % 3 === 0) continue
      await change(() => api.client.request({ method: 'DELETE', path: `${path}/services/${name}` }))
      await change(() =>
        api.client.request({
          method: 'DELETE',
          path: `${path}/pods/${name}`,
          body: { gracePeriodSeconds: 0 },
        }),
      )
    }
  }
  const lanes = [1, 2, 3].map(lane)
  const stop = async () => {
    end.abort()
    await Promise.all(lanes)
  }
  return {
    get changes() {
      return changes
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function service(name: string) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name },
    spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  }
}

function slice(name: string, ip: string) {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      namespace,
      name: `${name}-${ip.replaceAll('.', '-')}`,
      labels: { 'kubernetes.io/service-name': name },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [ip], conditions: { ready: true } }],
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  }
}

async function inParallel<T>(
  items: readonly T[],
  work: (item: T, i: number) => Promise<void>,
): Promise<void> {
  const queue = items.map((item, i) => ({ item, i }))
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await work(next.item, next.i)
  }
  await Promise.all(Array.from({ length: 8 }, worker))
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function until(
  holds: () => boolean,
  explain: () => string = () => 'it never came to hold',
): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (holds()) return
    await pause(100)
  }
  throw new Error(explain())
}
