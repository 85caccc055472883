import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import { createLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import type { Authentication } from '../authority/bearer.ts'
import { pod, policy, registry } from '../model/testing/registries.ts'
import { typeUrls } from '../model/type-urls.ts'
import { DiscoveryService } from './discovery-service.ts'
import { pushMetrics } from './metrics.ts'
import { modelOf } from './testing/client.ts'
import { DiscoveryClient } from './testing/grpc-client.ts'
import { UnreadClient } from './testing/unread-client.ts'

const { address, authorization } = typeUrls
const workloads = [pod('shop/frontend-1', '10.77.0.11'), pod('shop/backend-1', '10.77.0.12')]
const model = modelOf(registry({ workloads }))

/** The service on a loopback port; a client's token is the name of its pod. */
async function serve(options: { readonly answerLimit?: number } = {}) {
  const metrics = createMetrics()
  const warnings: string[] = []
  const write = (line: string): void => {
    const { level, message } = JSON.parse(line) as { level: string; message: string }
    if (level === 'warn') warnings.push(message)
  }
  const service = new DiscoveryService({
    authenticate: (call) => Promise.resolve(authenticated(String(call.metadata.get('authorization')[0]))),
    metrics: pushMetrics(metrics),
    log: createLog({ component: 'test', write }),
    ...options,
  })
  const server = new Server()
  server.addService(DiscoveryService.definition, service.implementation)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error)
      else resolve(bound)
    })
  })
  return {
    service,
    client: (podName: string) => new DiscoveryClient({ port, token: podName }),
    unread: (podName: string) => new UnreadClient(port, podName),
    metric: async (name: string) =>
      (await metrics.metrics()).split('\n').filter((line) => line.startsWith(name)),
    /** Warnings that were logged. */
    logged: () => warnings,
    [Symbol.dispose]: () => server.forceShutdown(),
  }
}

function authenticated(bearer: string): Authentication {
  const podName = bearer.replace('Bearer ', '')
  if (podName === 'stranger') {
    const refusal = { reason: 'signature', detail: 'secret detail', message: 'no' }
    return { kind: 'refused', code: status.UNAUTHENTICATED, ...refusal }
  }
  const podUid = `uid-of-${podName}`
  return { kind: 'authenticated', caller: { namespace: 'shop', podName, podUid, serviceAccount: 'default' } }
}

describe('a stream', () => {
  test('is sent the model, then every change of it', async () => {
    using served = await serve()
    served.service.publish(model)
    using client = served.client('frontend-1')
    client.send({ typeUrl: address })
    const first = await client.accept()
    expect(first.resources.map(({ name }) => name)).toContain('Kubernetes//Pod/shop/backend-1')
    expect(first.systemVersionInfo).toBe(model.version)
    served.service.publish(modelOf(registry({ workloads: workloads.slice(0, 1) })))
    expect(await client.accept()).toMatchObject({
      resources: [],
      removedResources: ['Kubernetes//Pod/shop/backend-1'],
    })
  })

  test('answers a question for an address that nobody has within a second', async () => {
    using served = await serve()
    served.service.publish(model)
    using client = served.client('frontend-1')
    client.send({ typeUrl: address })
    await client.accept()
    const asked = performance.now()
    client.send({ typeUrl: address, resourceNamesSubscribe: ['/10.77.0.99'] })
    expect(await client.accept()).toMatchObject({ removedResources: ['/10.77.0.99'] })
    expect(performance.now() - asked).toBeLessThan(1_000)
  })

  test('goes on after a refusal, which is counted', async () => {
    using served = await serve()
    served.service.publish(model)
    using client = served.client('frontend-1')
    client.send({ typeUrl: address })
    const { nonce } = await client.receive()
    client.send({
      typeUrl: address,
      responseNonce: nonce,
      errorDetail: { code: 3, message: 'backend-1: bad' },
    })
    served.service.publish(modelOf(registry({ workloads: workloads.slice(0, 1) })))
    await client.accept()
    expect(await served.metric('weft_push_nacks_total')).toEqual([
      'weft_push_nacks_total{type="istio.workload.Address"} 1',
    ])
  })

  test('ends with the reason when a request cannot be understood, and others go on', async () => {
    using served = await serve()
    served.service.publish(model)
    using bad = served.client('frontend-1')
    using good = served.client('backend-1')
    good.send({ typeUrl: address })
    await good.accept()
    bad.sendBytes(Buffer.from([0xff, 0xff, 0xff]))
    const end = await bad.ended
    expect(end?.code).toBe(status.INVALID_ARGUMENT)
    expect(end?.details).toMatch(/not a DeltaDiscoveryRequest/)
    good.send({ typeUrl: address, resourceNamesSubscribe: ['/10.77.0.11'] })
    expect((await good.accept()).resources).toHaveLength(1)
  })

  test('ends when its pod is gone', async () => {
    using served = await serve()
    served.service.publish(model)
    using client = served.client('frontend-1')
    client.send({ typeUrl: address })
    await client.accept()
    served.service.publish(modelOf(registry({ workloads: workloads.slice(1) })))
    expect((await client.ended)?.code).toBe(status.UNAUTHENTICATED)
    expect(await served.metric('weft_push_streams ')).toEqual(['weft_push_streams 0'])
  })

  test('ends at once when its pod is revoked, and others go on', async () => {
    using served = await serve()
    served.service.publish(model)
    using revoked = served.client('frontend-1')
    using other = served.client('backend-1')
    for (const client of [revoked, other]) {
      client.send({ typeUrl: address })
      await client.accept()
    }
    served.service.endStreams((podUid) => podUid === 'uid-of-frontend-1')
    expect(await revoked.ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: 'this pod is revoked',
    })
    other.send({ typeUrl: address, resourceNamesSubscribe: ['/10.77.0.11'] })
    expect((await other.accept()).resources).toHaveLength(1)
  })

  test('ends when its client does not answer', async () => {
    using served = await serve({ answerLimit: 100 })
    served.service.publish(model)
    using client = served.client('frontend-1')
    client.send({ typeUrl: address })
    expect(await client.ended).toMatchObject({ code: status.DEADLINE_EXCEEDED })
  })

  test('stays when its client answers and then has nothing to say', async () => {
    using served = await serve({ answerLimit: 100 })
    served.service.publish(model)
    using client = served.client('frontend-1')
    client.send({ typeUrl: address })
    await client.accept()
    const waited = new Promise((resolve) => setTimeout(resolve, 300, 'still open'))
    expect(await Promise.race([client.ended, waited])).toBe('still open')
  })

  test('ends well when its client ends it', async () => {
    using served = await serve()
    served.service.publish(model)
    using client = served.client('frontend-1')
    client.send({ typeUrl: address })
    await client.accept()
    client.end()
    expect(await client.ended).toBeUndefined()
  })
})

describe('a client that never reads', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => pod(`shop/other-${i}`, `10.78.${i >> 8}.${i & 0xff}`))
  const large = modelOf(registry({ workloads: [...workloads, ...many] }))

  const responses = async (served: Awaited<ReturnType<typeof serve>>) => {
    const lines = await served.metric('weft_push_responses_total')
    return lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
  }

  test('costs one response, whatever it answers, hinders nobody, and is dropped', async () => {
    using served = await serve({ answerLimit: 500 })
    served.service.publish(large)
    using client = served.unread('frontend-1')
    client.send({ typeUrl: address })
    await expect.poll(() => responses(served)).toBe(1)
    for (let i = 0; i < 20; i++) {
      client.answerBlindly(address, 10)
      served.service.publish(i % 2 === 0 ? model : large)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(await responses(served)).toBe(1)
    using other = served.client('backend-1')
    other.send({ typeUrl: address })
    expect((await other.accept()).resources.length).toBeGreaterThan(1_000)
    await expect.poll(() => served.logged(), { timeout: 2_000 }).toEqual(['a client does not read'])
  })

  test('keeps its place among the streams of its pod until its connection is gone', async () => {
    using served = await serve({ answerLimit: 200 })
    served.service.publish(large)
    const unread = Array.from({ length: 4 }, () => served.unread('frontend-1'))
    for (const client of unread) client.send({ typeUrl: address })
    await expect.poll(() => served.logged().length, { timeout: 5_000 }).toBe(4)
    using fifth = served.client('frontend-1')
    expect((await fifth.ended)?.code).toBe(status.RESOURCE_EXHAUSTED)
    for (const client of unread) client[Symbol.dispose]()
    await expect.poll(() => served.metric('weft_push_streams ')).toEqual(['weft_push_streams 0'])
    using sixth = served.client('frontend-1')
    sixth.send({ typeUrl: address })
    await sixth.accept()
  })
})

test('a caller that claims another node or service account is shown what its own token is good for', async () => {
  const policies = [policy('shop/backend')]
  using served = await serve()
  served.service.publish(modelOf(registry({ workloads, policies })))
  const claims = {
    id: 'sidecar~10.77.0.12~backend-1.shop~shop.svc.cluster.local',
    cluster: 'backend.shop',
    metadata: { NAMESPACE: 'shop', SERVICE_ACCOUNT: 'backend', LABELS: { app: 'backend' } },
  }
  using liar = served.client('frontend-1')
  liar.send({ node: claims, typeUrl: authorization, resourceNamesSubscribe: ['*'] })
  expect((await liar.accept()).resources).toEqual([])
  liar.send({ node: claims, typeUrl: authorization, resourceNamesSubscribe: ['shop/backend'] })
  expect(await liar.accept()).toMatchObject({ resources: [], removedResources: ['shop/backend'] })
  using honest = served.client('backend-1')
  honest.send({ typeUrl: authorization, resourceNamesSubscribe: ['*'] })
  expect((await honest.accept()).resources.map(({ name }) => name)).toEqual(['shop/backend'])
})

describe('nobody is served', () => {
  test('whose token is refused, and the reason stays in the log', async () => {
    using served = await serve()
    served.service.publish(model)
    using client = served.client('stranger')
    expect(await client.ended).toMatchObject({ code: status.UNAUTHENTICATED, details: 'no' })
    expect(await served.metric('weft_push_streams_refused_total')).toEqual([
      'weft_push_streams_refused_total{reason="signature"} 1',
    ])
  })

  test('before there is a model, of a pod that it lacks, or after the end', async () => {
    using served = await serve()
    using early = served.client('frontend-1')
    expect((await early.ended)?.code).toBe(status.UNAVAILABLE)
    served.service.publish(model)
    using unknown = served.client('other-1')
    expect((await unknown.ended)?.code).toBe(status.UNAVAILABLE)
    using open = served.client('frontend-1')
    open.send({ typeUrl: address })
    await open.accept()
    served.service.close()
    expect((await open.ended)?.code).toBe(status.UNAVAILABLE)
    using late = served.client('frontend-1')
    expect((await late.ended)?.code).toBe(status.UNAVAILABLE)
  })

  test('who opens stream after stream, while other pods are', async () => {
    using served = await serve()
    served.service.publish(model)
    const codes: (status | undefined)[] = []
    for (let i = 0; i < 70; i++) {
      using client = served.client('frontend-1')
      client.end()
      codes.push((await client.ended)?.code)
    }
    expect(codes.slice(0, 60).filter((code) => code !== undefined)).toEqual([])
    expect(codes.at(-1)).toBe(status.RESOURCE_EXHAUSTED)
    expect(
      await served.metric('weft_push_streams_refused_total{reason="too_many_new_streams"}'),
    ).toHaveLength(1)
    using other = served.client('backend-1')
    other.send({ typeUrl: address })
    await other.accept()
  })

  test('with more streams than a pod needs', async () => {
    using served = await serve()
    served.service.publish(model)
    using stack = new DisposableStack()
    for (let i = 0; i < 4; i++) {
      const client = stack.use(served.client('frontend-1'))
      client.send({ typeUrl: address })
      await client.accept()
    }
    using fifth = served.client('frontend-1')
    expect((await fifth.ended)?.code).toBe(status.RESOURCE_EXHAUSTED)
  })
})
