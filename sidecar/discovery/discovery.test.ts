import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeSettings, encodeWorkload } from '#control-plane/model/encode.ts'
import { encodeAuthorization } from '#control-plane/model/encode-authorization.ts'
import { ip, settings, workload } from '#mesh/testing/mesh.ts'
import type { Workload } from '#mesh/workload.ts'
import type { DeltaDiscoveryRequest, Resource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { channelTo, type FakeControlPlane, fakeControlPlane } from '../testing/control-plane.ts'
import { policy, self } from '../testing/pictures.ts'
import { TestPki } from '../testing/pki.ts'
import { View } from '../view/view.ts'
import { Discovery } from './discovery.ts'
import { discoveryMetrics } from './metrics.ts'
import { typeUrls } from './resources.ts'

const pki = new TestPki()
const web = workload('web', ['10.77.0.1'])
const junk = Uint8Array.of(0xff)

let plane: FakeControlPlane
let stop: AbortController
let cleanup: DisposableStack
beforeEach(async () => {
  plane = await fakeControlPlane(pki)
  stop = new AbortController()
  cleanup = new DisposableStack()
})
afterEach(async () => {
  stop.abort()
  cleanup.dispose()
  await plane[Symbol.asyncDispose]()
})

interface Started {
  readonly port?: number
  readonly patience?: number
  readonly lookInterval?: number
}

function started({ port = plane.port, patience, lookInterval }: Started = {}) {
  const files = cleanup.use(channelTo(port, pki, undefined, lookInterval))
  const view = new View({ ownUid: self.uid })
  const lines: Record<string, unknown>[] = []
  const metrics = createMetrics()
  const discovery = new Discovery({
    channel: files.channel,
    view,
    node: { id: self.uid, clusterId: 'Kubernetes' },
    trustDomain: 'cluster.local',
    log: createLog({
      component: 'test',
      write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    }),
    metrics: discoveryMetrics(metrics),
    ...(patience !== undefined && { patience }),
  })
  const gauge = async (name: string) =>
    Number(/^\S+ (\S+)$/m.exec(await metrics.getSingleMetricAsString(name))?.[1])
  return { files, view, lines, discovery, metrics, gauge, running: discovery.run(stop.signal) }
}

function pod(workload: Workload, version = '1', aliases: string[] = []): Resource {
  return { name: workload.uid, version, resource: { typeUrl: '', value: encodeWorkload(workload) }, aliases }
}

const ofType = (typeUrl: string) => (request: DeltaDiscoveryRequest) => request.typeUrl === typeUrl
const answering = (nonce: string) => (request: DeltaDiscoveryRequest) => request.responseNonce === nonce

describe('a stream', () => {
  it('begins with who asks, and asks for all of every type, settings and trust first', async () => {
    started()
    const stream = await plane.stream()
    await stream.request(ofType(typeUrls.address))
    expect(stream.token).toBe('Bearer token-one')
    expect(stream.requests.map(({ typeUrl }) => typeUrl)).toEqual([
      typeUrls.settings,
      typeUrls.trust,
      typeUrls.authorization,
      typeUrls.address,
    ])
    for (const request of stream.requests) {
      expect(request).toMatchObject({
        node: { id: self.uid, cluster: 'Kubernetes', metadata: { CLUSTER_ID: 'Kubernetes' } },
        resourceNamesSubscribe: [],
        responseNonce: '',
      })
    }
  })

  it('brings what it is sent into the view, and says so', async () => {
    const { view, discovery, gauge } = started()
    const stream = await plane.stream()
    stream.send(typeUrls.address, [pod(web)])
    const ack = await stream.request(answering('1'))
    expect(ack).toMatchObject({ typeUrl: typeUrls.address, errorDetail: undefined })
    expect(view.current().workloadAt(ip('10.77.0.1'))).toEqual(web)
    expect([discovery.connected, await gauge('weft_discovery_connected')]).toEqual([true, 1])
    stream.send(typeUrls.address, [], [web.uid])
    await stream.request(answering('2'))
    expect(view.current().workloadAt(ip('10.77.0.1'))).toBeUndefined()
  })

  it('refuses a bad resource by name, keeps its last good version and takes the rest', async () => {
    const { view, lines, gauge } = started()
    const stream = await plane.stream()
    stream.send(typeUrls.address, [pod(web)])
    await stream.request(answering('1'))
    const cart = workload('cart', ['10.77.0.2'])
    const bad: Resource = { ...pod(web, '2'), resource: { typeUrl: '', value: junk } }
    stream.send(typeUrls.address, [bad, pod(cart)])
    const nack = await stream.request(answering('2'))
    expect(nack.errorDetail).toMatchObject({ code: status.INVALID_ARGUMENT })
    expect(nack.errorDetail?.message).toContain(web.uid)
    expect(view.current().workloadAt(ip('10.77.0.1'))).toEqual(web)
    expect(view.current().workloadAt(ip('10.77.0.2'))).toEqual(cart)
    expect(lines.at(-1)).toMatchObject({
      level: 'error',
      message: expect.stringContaining('last good version'),
      reasons: [expect.stringContaining(web.uid)],
    })
    expect(await gauge('weft_discovery_refused_total')).toBe(1)
  })
})

describe('a stream that ends', () => {
  it('is opened again, and says which versions are known already', async () => {
    const { view, gauge } = started()
    const first = await plane.stream()
    first.send(typeUrls.address, [pod(web, 'v7'), pod(workload('gone', ['10.77.0.9']))])
    first.send(typeUrls.address, [], ['Kubernetes//Pod/shop/gone'])
    first.send(typeUrls.address, [{ ...pod(web, 'v8'), resource: { typeUrl: '', value: junk } }])
    const deny = { name: 'shop/deny', version: 'p1', aliases: [] }
    first.send(typeUrls.authorization, [
      { ...deny, resource: { typeUrl: '', value: encodeAuthorization(policy('deny', 'deny')) } },
    ])
    await first.request(answering('4'))
    first.call.emit('error', Object.assign(new Error('away'), { code: status.UNAVAILABLE }))
    const second = await plane.stream(1)
    const known = async (typeUrl: string) =>
      Object.fromEntries((await second.request(ofType(typeUrl))).initialResourceVersions)
    expect(await known(typeUrls.address)).toEqual({ [web.uid]: 'v7' })
    expect(await known(typeUrls.authorization)).toEqual({ 'shop/deny': 'p1' })
    expect(view.current().workloadAt(ip('10.77.0.1'))).toEqual(web)
    expect(await gauge('weft_discovery_connected')).toBe(0)
  })

  it('is opened anew, to be verified anew, when a root leaves the bundle; one that is added changes nothing', async () => {
    const { files, lines } = started({ lookInterval: 20 })
    const first = await plane.stream()
    first.send(typeUrls.address, [pod(web)])
    await first.request(answering('1'))
    const roots = (...of: readonly TestPki[]) => of.map(({ root }) => root.certificate.toString()).join('')
    files.trust(roots(pki, new TestPki()))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(plane.streams).toHaveLength(1)
    files.trust(pki)
    const second = await plane.stream(1)
    expect((await second.request(ofType(typeUrls.address))).initialResourceVersions.size).toBe(1)
    expect(lines.at(-1)).toMatchObject({ error: expect.stringContaining('a root left the trust bundle') })
    files.trust(new TestPki())
    await expect.poll(() => lines.filter(({ level }) => level === 'warn').length).toBeGreaterThan(2)
    expect(plane.streams).toHaveLength(2)
  })

  it('that nobody answers is left for another one', async () => {
    const { lines } = started({ patience: 300 })
    await plane.stream()
    const second = await plane.stream(1)
    second.send(typeUrls.address, [pod(web)])
    await second.request(answering('1'))
    expect(lines[0]).toMatchObject({ error: 'no answer within 0.3 s' })
  })

  it('in good order is opened again too', async () => {
    const { running } = started()
    ;(await plane.stream()).call.end()
    await plane.stream(1)
    stop.abort()
    await running
  })
})

describe('a question', () => {
  it('asks for an address by name, and goes on as soon as the answer is in the view', async () => {
    const { view, discovery } = started()
    const stream = await plane.stream()
    stream.send(typeUrls.settings, [
      {
        name: 'mesh',
        version: '1',
        aliases: [],
        resource: { typeUrl: '', value: encodeSettings(settings()) },
      },
    ])
    await stream.request(answering('1'))
    const asked = discovery.ask(ip('10.77.0.1'), stop.signal)
    const question = await stream.request(({ resourceNamesSubscribe }) =>
      resourceNamesSubscribe.includes('/10.77.0.1'),
    )
    expect(question.typeUrl).toBe(typeUrls.address)
    const before = performance.now()
    stream.send(typeUrls.address, [pod(web, '1', ['/10.77.0.1'])])
    await asked
    expect(performance.now() - before).toBeLessThan(900)
    expect(view.current().workloadAt(ip('10.77.0.1'))).toEqual(web)
  })

  it('is answered by a removal too: nobody is there', async () => {
    const { discovery } = started()
    const stream = await plane.stream()
    const before = performance.now()
    const asked = discovery.ask(ip('10.77.0.1'), stop.signal)
    stream.send(typeUrls.address, [], ['/10.77.0.1'])
    await asked
    expect(performance.now() - before).toBeLessThan(900)
  })

  it('is not asked beyond 5 000 others, nor waited for, and that is told', async () => {
    const { discovery, metrics } = started()
    const quick = new AbortController()
    quick.abort()
    for (let i = 0; i < 5_000; i++) {
      await discovery.ask(ip(`10.78.${i >> 8}.${i & 255}`), quick.signal)
    }
    const before = performance.now()
    await discovery.ask(ip('10.77.0.1'), stop.signal)
    expect(performance.now() - before).toBeLessThan(500)
    const lines = (await metrics.metrics()).split('\n')
    expect(lines).toContain('weft_discovery_addresses_asked 5000')
    expect(lines).toContain('weft_discovery_addresses_unasked_total 1')
  })

  it('is given up after a second, is not asked twice, and is asked again of the next stream', async () => {
    const { discovery } = started()
    const stream = await plane.stream()
    await stream.request(ofType(typeUrls.address))
    const before = performance.now()
    await Promise.all([
      discovery.ask(ip('10.77.0.1'), stop.signal),
      discovery.ask(ip('10.77.0.1'), stop.signal),
    ])
    expect(performance.now() - before).toBeGreaterThanOrEqual(950)
    const asked = stream.requests.filter(({ resourceNamesSubscribe }) => resourceNamesSubscribe.length > 0)
    expect(asked).toHaveLength(1)
    stream.call.end()
    const again = await (await plane.stream(1)).request(ofType(typeUrls.address))
    expect(again.resourceNamesSubscribe).toEqual(['*', '/10.77.0.1'])
  })

  it('that nobody answers holds nothing of those who waited for it', async () => {
    const { discovery } = started()
    const waited = async (times: number): Promise<void> => {
      const asked = Array.from({ length: times }, () =>
        discovery.ask(ip('10.77.0.1'), new AbortController().signal),
      )
      await Promise.all(asked)
    }
    await waited(100)
    const before = heapUsed()
    await waited(10_000)
    // Each of them held 300 bytes when it raced a promise.
    expect(heapUsed() - before).toBeLessThan(1_000_000)
  })

  it('ends when its connection does', async () => {
    const { discovery } = started()
    await plane.stream()
    const before = performance.now()
    await discovery.ask(ip('10.77.0.1'), AbortSignal.timeout(20))
    expect(performance.now() - before).toBeLessThan(900)
  })
})

describe('discovery', () => {
  it('ends with its signal, whether connected or not', async () => {
    const { running } = started()
    await plane.stream()
    stop.abort()
    await running
  })

  it('ends with a signal that aborts while a connection is made', async () => {
    const { files, running } = started()
    await plane.stream()
    const { channel } = files
    const open = channel.open.bind(channel)
    const opening = Promise.withResolvers<void>()
    channel.open = async (Client) => {
      opening.resolve()
      stop.abort()
      return await open(Client)
    }
    plane.streams[0]?.call.end()
    await opening.promise
    expect(await Promise.race([running.then(() => 'ended'), timeout(3_000)])).toBe('ended')
  })

  it('is not connected before the control plane has said something', async () => {
    const { discovery } = started()
    const stream = await plane.stream()
    expect(discovery.connected).toBe(false)
    stream.send(typeUrls.address, [])
    await stream.request(answering('1'))
    expect(discovery.connected).toBe(true)
    stream.call.end()
    await expect.poll(() => discovery.connected).toBe(false)
  })

  it('is in step once workloads were told, were there none, until it ends', async () => {
    const { discovery } = started()
    const stream = await plane.stream()
    stream.send(typeUrls.settings, [])
    await stream.request(answering('1'))
    expect([discovery.connected, discovery.inStep]).toEqual([true, false])
    stream.send(typeUrls.address, [])
    await stream.request(answering('2'))
    expect(discovery.inStep).toBe(true)
    stream.call.end()
    await expect.poll(() => discovery.inStep).toBe(false)
    const second = await plane.stream(1)
    second.send(typeUrls.settings, [])
    await second.request(answering('1'))
    expect(discovery.inStep).toBe(false)
  })

  it('tells that the control plane is away, and goes on trying', async () => {
    await plane[Symbol.asyncDispose]()
    const { lines, discovery } = started()
    await expect.poll(() => lines.length, { timeout: 5_000 }).toBeGreaterThan(1)
    expect(lines[0]).toMatchObject({ level: 'warn', message: expect.stringContaining('cannot be reached') })
    expect(JSON.stringify(lines)).not.toContain('token-one')
    const { port } = plane
    plane = await fakeControlPlane(pki, { port })
    await plane.stream()
    expect(discovery).toBeDefined()
  })
})

/** Bytes that live after a collection. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}

function timeout(milliseconds: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('still running'), milliseconds))
}
