import { request as httpsRequest, type RequestOptions } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import jsonPatch from 'fast-json-patch'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { identity } from '#mesh/testing/mesh.ts'
import { createLog } from '#runtime/log.ts'
import { channelTo, controlPlaneName, fakeControlPlane } from '#sidecar/testing/control-plane.ts'
import { dns, TestPki } from '#sidecar/testing/pki.ts'
import type { KubernetesCluster } from './cluster/kubernetes.ts'
import { readConfig } from './config.ts'
import { namespaceOf } from './decide/namespace.ts'
import { runInjector } from './injector.ts'

const dnsName = 'weft-injector.weft-system.svc'
const names = [dns(dnsName), dns(`${dnsName}.cluster.local`)]

interface Cluster {
  fails: Error | undefined
  labels: Record<string, string>
  reads: number
}

/** A running injector over an authority that is the test's, ended with the scope. */
async function startInjector({ lifetime = 3_600_000, signs = true } = {}) {
  const pki = new TestPki()
  const authority = { signs, issued: 0, names }
  const controlPlane = await fakeControlPlane(pki, {
    sign: (csr) => {
      if (!authority.signs) throw new Error('not now')
      authority.issued++
      const now = Date.now()
      const life = { notBefore: now, notAfter: now + lifetime }
      return pki.sign(csr, identity('weft-injector', 'weft-system'), { names: authority.names, ...life })
    },
  })
  const files = channelTo(controlPlane.port, pki)
  const world: Cluster = { fails: undefined, labels: { 'weft.dev/inject': 'enabled' }, reads: 0 }
  const cluster: KubernetesCluster = {
    async namespace(name) {
      world.reads++
      if (world.fails) throw world.fails
      return namespaceOf(name, world.labels)
    },
    namespaces: async () => [],
    async *pods() {},
    async *askingPods() {},
    tell: async () => {},
  }
  const lines: Record<string, unknown>[] = []
  const stop = new AbortController()
  const started = Promise.withResolvers<{ webhook: number; metrics: number }>()
  const config = readConfig({
    WEFT_CONTROL_PLANE: `127.0.0.1:${controlPlane.port}`,
    WEFT_CONTROL_PLANE_NAME: controlPlaneName,
    WEFT_TRUST_BUNDLE: files.trustBundle,
    WEFT_TOKEN: files.token,
    WEFT_LISTEN: '127.0.0.1:0',
    WEFT_METRICS_LISTEN: '127.0.0.1:0',
    WEFT_DRAIN_DELAY: '50ms',
  })
  const running = runInjector(config, {
    cluster,
    log: createLog({ component: 'test', write: (line) => void lines.push(JSON.parse(line)) }),
    signal: stop.signal,
    started: started.resolve,
  })
  running.catch(started.reject)
  const ca = pki.root.certificate.toString()
  return {
    pki,
    authority,
    world,
    lines,
    stop,
    running,
    ports: started.promise,
    async post(body: string | Buffer, options: RequestOptions = {}) {
      const { webhook } = await started.promise
      return await post(webhook, ca, body, options)
    },
    /** What a client that trusts the mesh's root sees. */
    async handshake(options: { maxVersion?: 'TLSv1.1' | 'TLSv1.2' } = {}) {
      const { webhook: port } = await started.promise
      return await handshake({ host: '127.0.0.1', port, ca, servername: dnsName, ...options })
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
      files[Symbol.dispose]()
      await controlPlane[Symbol.asyncDispose]()
    },
  }
}

function post(port: number, ca: string, body: string | Buffer, options: RequestOptions) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const all = { host: '127.0.0.1', port, ca, servername: dnsName, path: '/inject', method: 'POST', headers }
    const sent = httpsRequest({ ...all, agent: false, ...options }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

function handshake(options: ConnectionOptions) {
  return new Promise<{ protocol: string | null; peer: DetailedPeerCertificate; socket: TLSSocket }>(
    (resolve, reject) => {
      const socket = connect(options, () =>
        resolve({ protocol: socket.getProtocol(), peer: socket.getPeerCertificate(true), socket }),
      )
      socket.on('error', reject)
    },
  )
}

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { generateName: 'web-' },
  spec: { containers: [{ name: 'app', image: 'web', readinessProbe: { tcpSocket: { port: 8080 } } }] },
}

function reviewOf(request: Record<string, unknown> = {}, apiVersion = 'admission.k8s.io/v1') {
  const about = { kind: { group: '', version: 'v1', kind: 'Pod' }, operation: 'CREATE', object: pod }
  const whole = { uid: 'e911857d', namespace: 'shop', dryRun: false, ...about, ...request }
  return JSON.stringify({ apiVersion, kind: 'AdmissionReview', request: whole })
}

interface Answer {
  readonly apiVersion: string
  readonly kind: string
  readonly response: {
    readonly uid: string
    readonly allowed: boolean
    readonly patchType?: string
    readonly patch?: string
    readonly status?: { readonly code: number; readonly message: string }
    readonly warnings?: readonly string[]
  }
}

describe('the webhook', () => {
  let injector: Awaited<ReturnType<typeof startInjector>>
  beforeAll(async () => {
    injector = await startInjector()
  })
  afterAll(() => injector[Symbol.asyncDispose]())

  const ask = async (body: string): Promise<Answer> => {
    const { status, body: text } = await injector.post(body)
    expect(status).toBe(200)
    return JSON.parse(text) as Answer
  }

  it('answers a review with a patch that makes a meshed pod', async () => {
    const { apiVersion, kind, response } = await ask(reviewOf())
    expect({ apiVersion, kind }).toEqual({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' })
    expect(response).toMatchObject({ uid: 'e911857d', allowed: true, patchType: 'JSONPatch' })
    const operations = JSON.parse(Buffer.from(response.patch!, 'base64').toString()) as jsonPatch.Operation[]
    const injected = jsonPatch.applyPatch(structuredClone(pod), operations, true)
      .newDocument as typeof pod & {
      spec: { initContainers: { name: string }[] }
    }
    expect(injected.spec.initContainers.map(({ name }) => name)).toEqual(['weft-init', 'weft-proxy'])

    const again = await ask(reviewOf({ object: injected }))
    expect(again.response.allowed).toBe(true)
    expect(again.response.patch).toBeUndefined()
  })

  it('makes another nonce for every pod', async () => {
    const patches = await Promise.all([ask(reviewOf()), ask(reviewOf())])
    const nonces = patches.map(({ response }) => /probe\/([0-9a-f]{32})\//.exec(atob(response.patch!))?.[1])
    expect(nonces[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(nonces[1]).not.toBe(nonces[0])
  })

  it('answers a dry run like any other', async () => {
    const { response } = await ask(reviewOf({ dryRun: true }))
    expect(response.patch).toBeDefined()
  })

  it('denies what cannot be, and says what to write', async () => {
    const object = { ...pod, metadata: { annotations: { 'weft.dev/log-level': 'loud' } } }
    const { response } = await ask(reviewOf({ object }))
    expect(response).toMatchObject({ allowed: false, status: { code: 400 } })
    expect(response.status!.message).toContain('write one of debug, info, warn, error')
  })

  it('warns of what it does not know', async () => {
    const object = { ...pod, metadata: { annotations: { 'weft.dev/loglevel': 'info' } } }
    const { response } = await ask(reviewOf({ object }))
    expect(response.warnings).toEqual([expect.stringContaining('did you mean weft.dev/log-level?')])
  })

  it('leaves updates alone', async () => {
    const { response } = await ask(reviewOf({ operation: 'UPDATE' }))
    expect(response).toMatchObject({ allowed: true })
    expect(response.patch).toBeUndefined()
  })

  it.each([
    ['no JSON', 'hello', 'it is no JSON'],
    ['nothing', '', 'it is no JSON'],
    ['another version', reviewOf({}, 'admission.k8s.io/v1beta1'), 'admission.k8s.io/v1'],
    ['another kind', reviewOf({ kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }), 'v1 Pod'],
    ['no request', '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', 'request'],
    ['no uid', reviewOf({ uid: '' }), 'uid'],
    ['no pod', reviewOf({ object: null }), 'the pod'],
    ['a pod without containers', reviewOf({ object: { spec: {} } }), 'containers'],
    [
      'a bomb of lists',
      reviewOf({ object: 0 }).replace('0', `${'['.repeat(1e6)}${']'.repeat(1e6)}`),
      'nests',
    ],
    ['a bomb of mappings', `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`, 'nests'],
  ])('refuses %s', async (_, body, problem) => {
    const answer = await injector.post(body)
    expect(answer.status).toBe(400)
    expect((JSON.parse(answer.body) as { error: string }).error).toContain(problem)
  })

  it('refuses a body over 3 MB, and goes on', async () => {
    const { status, body } = await injector.post(Buffer.alloc(5_000_000, 'a'))
    expect({ status, body }).toMatchObject({ status: 413, body: expect.stringContaining('3145728 bytes') })
    expect((await ask(reviewOf())).response.allowed).toBe(true)
  })

  it('refuses what does not say that it is JSON', async () => {
    const { status } = await injector.post(reviewOf(), { headers: { 'content-type': 'text/plain' } })
    expect(status).toBe(415)
  })

  it('answers although one address holds all the connections that it gets', async () => {
    const { webhook: port } = await injector.ports
    const dial = () =>
      connectTcp({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }).on('error', () => {})
    const silent = Array.from({ length: 200 }, dial)
    await expect.poll(() => silent.filter(({ destroyed }) => destroyed).length).toBe(200 - 64)
    expect((await ask(reviewOf())).response.allowed).toBe(true)
    for (const each of silent) each.destroy()
  })

  it('answers although five addresses hold all the connections that each of them gets', async () => {
    const { webhook: port } = await injector.ports
    const silent = Array.from({ length: 5 * 64 }, (_, i) =>
      connectTcp({ port, host: '127.0.0.1', localAddress: `127.0.0.${3 + (i % 5)}` }).on('error', () => {}),
    )
    await expect.poll(() => silent.filter(({ connecting }) => connecting).length).toBe(0)
    expect((await ask(reviewOf())).response.allowed).toBe(true)
    for (const each of silent) each.destroy()
  })

  it('shows a certificate for its own name, by TLS 1.2 at least', async () => {
    const { protocol, peer, socket } = await injector.handshake()
    socket.destroy()
    expect(protocol).toBe('TLSv1.3')
    expect(peer.subjectaltname).toContain(`DNS:${dnsName}`)
    const older = await injector.handshake({ maxVersion: 'TLSv1.2' })
    older.socket.destroy()
    expect(older.protocol).toBe('TLSv1.2')
    await expect(injector.handshake({ maxVersion: 'TLSv1.1' })).rejects.toThrow()
  })

  it('tells what it did', async () => {
    const { metrics } = await injector.ports
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
    expect(text).toMatch(/weft_injector_reviews_total\{result="injected"\} [1-9]/)
    expect(text).toMatch(/weft_injector_connections_refused_total\{reason="too_many_connections"\} 136/)
    expect(text).toMatch(/weft_injector_reviews_total\{result="garbage"\} [1-9]/)
    expect(text).toMatch(/weft_injector_certificate_expiry_timestamp_seconds \d/)
    expect(JSON.stringify(injector.lines)).not.toMatch(/PRIVATE|token-one/)
  })
})

describe('a namespace', () => {
  it('that cannot be read lets no pod in', async () => {
    await using injector = await startInjector()
    injector.world.fails = new Error('api server away')
    const { status, body } = await injector.post(reviewOf())
    expect({ status, body }).toMatchObject({ status: 500, body: expect.stringContaining('try again') })
  })

  it('is read once for the pods of a rollout, and its levels hold', async () => {
    await using injector = await startInjector()
    await Promise.all(Array.from({ length: 20 }, () => injector.post(reviewOf())))
    expect(injector.world.reads).toBe(1)
    injector.world.labels = { 'weft.dev/inject': 'enabled', 'pod-security.kubernetes.io/enforce': 'baseline' }
    const { body } = await injector.post(reviewOf({ namespace: 'other' }))
    expect(body).toContain('Pod Security level baseline')
  })

  it('that is not to be injected is read again each time, since the label may be new', async () => {
    await using injector = await startInjector()
    injector.world.labels = {}
    expect((await injector.post(reviewOf())).body).not.toContain('JSONPatch')
    injector.world.labels = { 'weft.dev/inject': 'enabled' }
    expect((await injector.post(reviewOf())).body).toContain('JSONPatch')
  })
})

describe('the serving certificate', () => {
  it('is renewed while connections stay open, with a new key', async () => {
    await using injector = await startInjector({ lifetime: 4_000 })
    const first = await injector.handshake()
    let second = await injector.handshake()
    await expect
      .poll(
        async () => {
          second.socket.destroy()
          second = await injector.handshake()
          return second.peer.serialNumber
        },
        { timeout: 8_000 },
      )
      .not.toBe(first.peer.serialNumber)
    expect(second.peer.pubkey).not.toEqual(first.peer.pubkey)
    expect(first.socket.destroyed).toBe(false)
    await expect(injector.handshake({ maxVersion: 'TLSv1.1' })).rejects.toThrow()
    first.socket.destroy()
    second.socket.destroy()
  })

  it('that never comes leaves the injector closed and not ready', async () => {
    await using injector = await startInjector({ signs: false })
    await expect
      .poll(() => injector.lines.some(({ message }) => /could not be obtained/.test(String(message))))
      .toBe(true)
    expect(injector.lines.some(({ message }) => message === 'injector ready')).toBe(false)
    injector.authority.signs = true
    await injector.ports
    expect((await injector.post(reviewOf())).status).toBe(200)
  })

  it('for another name is not taken', async () => {
    await using injector = await startInjector({ signs: false })
    injector.authority.names = [dns('somebody.else.svc')]
    injector.authority.signs = true
    await expect
      .poll(() => injector.lines.some(({ error }) => /not for weft-injector/.test(String(error))))
      .toBe(true)
    injector.authority.names = names
    await injector.ports
  })
})
