import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { namespaceOf } from '#injector/decide/namespace.ts'
import { inject } from '#injector/inject.ts'
import { applyOperations } from '#injector/offline/apply.ts'
import { type Handler, type Pod, parsePod } from '#injector/pod.ts'
import { readSettings } from '#injector/settings.ts'
import { formatSocketAddress } from '#mesh/address.ts'
import { Environment } from '#runtime/env.ts'
import { TestPki } from '#sidecar/testing/pki.ts'
import { httpFrom } from '#test/harness/http.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

const nonce = '00112233445566778899aabbccddeeff'

const declared = {
  metadata: { name: 'web' },
  spec: {
    containers: [
      {
        name: 'plain',
        ports: [{ name: 'http', containerPort: 8080 }],
        startupProbe: { tcpSocket: { port: 'http' } },
        livenessProbe: {
          httpGet: {
            port: 'http',
            path: '/alive?deep=1',
            httpHeaders: [{ name: 'Host', value: 'web.example' }],
          },
        },
        readinessProbe: { httpGet: { port: 8080, path: '/broken' } },
        lifecycle: { preStop: { httpGet: { port: 8080, path: '/leave' } } },
      },
      {
        name: 'secure',
        livenessProbe: { httpGet: { scheme: 'HTTPS', port: 8443 } },
        readinessProbe: { grpc: { port: 9000, service: 'shop.Web' } },
        startupProbe: { grpc: { port: 9000, service: 'shop.Other' } },
      },
      {
        name: 'away',
        livenessProbe: { tcpSocket: { port: 7777 } },
        readinessProbe: { httpGet: { port: 7777 } },
        startupProbe: { httpGet: { port: 8080, path: '/slow' }, timeoutSeconds: 1 },
      },
    ],
  },
}

/** The pod as the injector leaves it. */
function injectedPod(): Pod {
  const parsed = parsePod(declared)
  if (parsed.kind === 'refused') throw new Error(parsed.message)
  const namespace = namespaceOf('shop', { 'weft.dev/inject': 'enabled' })
  const injection = { settings: readSettings(new Environment({})), createNonce: () => nonce }
  const outcome = inject(parsed.pod, namespace, injection)
  if (outcome.kind !== 'injected') throw new Error(outcome.kind)
  const injected = parsePod(applyOperations(declared, outcome.operations))
  if (injected.kind === 'refused') throw new Error(injected.message)
  return injected.pod
}

// A kubelet asks each probe of the injected pod, over the wire and from outside the mesh, at a pod that takes no plaintext.
describe.skipIf(lacks('probes'))('the application’s probes under strict', () => {
  let mesh: Mesh
  let web: Workload
  const seen: IncomingMessage[] = []
  const pod = injectedPod()

  beforeAll(async () => {
    mesh = await startMesh({ ipv6: true })
    const proxy = pod.spec.initContainers!.find(({ name }) => name === 'weft-proxy')!
    const table = proxy.env!.find(({ name }) => name === 'WEFT_PROBES')!.value!
    mesh.policy({ kind: 'PeerAuthentication', name: 'default', namespace: 'weft-system', mode: 'Strict' })
    web = await mesh.workload('web', { sidecar: { WEFT_PROBES: table } })
    const plain = createHttpServer((request, response) => {
      seen.push(request)
      if (request.url === '/slow') return
      response.writeHead(request.url === '/broken' ? 500 : 200).end('nothing of this comes back')
    })
    const { key, chain } = new TestPki().leaf({})
    await web.listen(plain, 8080, '::')
    await web.listen(
      createHttpsServer({ key, cert: chain.join('') }, (_, response) => response.end()),
      8443,
    )
    await web.listen(healthServer('shop.Web'), 9000)
    await until('plaintext to be refused', async () => {
      await expect(httpFrom(mesh.network.node, at('/alive', 8080), { timeout: 1_000 })).rejects.toThrow()
      return true
    })
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  const at = (path: string, port: string | number) => {
    return `http://${formatSocketAddress({ ip: web.ip, port: Number(port) })}${path}`
  }

  /** What the kubelet makes of a probe that the injected pod declares. */
  async function kubelet(handler: Handler | null | undefined) {
    const { httpGet } = handler!
    return await httpFrom(mesh.network.node, at(httpGet!.path!, httpGet!.port), {
      headers: { 'user-agent': 'kube-probe/1.34' },
    })
  }

  const [plain, secure, away] = pod.spec.containers as [
    Pod['spec']['containers'][0],
    ...Pod['spec']['containers'],
  ]

  test('an HTTP probe comes through as it was declared, and its status back', async () => {
    seen.length = 0
    expect(await kubelet(plain.livenessProbe)).toMatchObject({ status: 200, body: '' })
    expect(seen[0]).toMatchObject({ method: 'GET', url: '/alive?deep=1' })
    expect(seen[0]!.headers).toMatchObject({ host: 'web.example', 'user-agent': 'kube-probe/1.34' })
    expect((await kubelet(plain.readinessProbe)).status).toBe(500)
  })

  test('so do hooks', async () => {
    seen.length = 0
    expect((await kubelet(plain.lifecycle!.preStop)).status).toBe(200)
    expect(seen[0]!.url).toBe('/leave')
  })

  test('and https, whoever signed its certificate', async () => {
    expect((await kubelet(secure!.livenessProbe)).status).toBe(200)
  })

  test('and TCP', async () => {
    expect((await kubelet(plain.startupProbe)).status).toBe(200)
  })

  test('and gRPC', async () => {
    expect((await kubelet(secure!.readinessProbe)).status).toBe(200)
    expect((await kubelet(secure!.startupProbe)).status).toBe(503)
  })

  test('a port that nobody listens on fails, by TCP and by HTTP', async () => {
    expect((await kubelet(away!.livenessProbe)).status).toBe(503)
    expect((await kubelet(away!.readinessProbe)).status).toBe(503)
  })

  test('an application that does not answer fails in the probe’s own time', async () => {
    expect((await kubelet(away!.startupProbe)).status).toBe(504)
  })

  test('nothing else can be reached that way', async () => {
    seen.length = 0
    const { path } = plain.livenessProbe!.httpGet!
    const others = [
      path!.replace(nonce, nonce.replace('f', 'e')),
      path!.replace('/plain/', '/other/'),
      path!.replace('liveness', 'post-start'),
      '/probe/',
      '/alive?deep=1',
    ]
    for (const other of others) {
      expect(await httpFrom(mesh.network.node, at(other, 15021))).toMatchObject({ status: 404 })
    }
    expect(seen).toEqual([])
  })

  test('while the port itself stays closed to plaintext', async () => {
    seen.length = 0
    await expect(httpFrom(mesh.network.node, at('/alive', 8080))).rejects.toThrow('ECONNRESET')
    expect(seen).toEqual([])
  })
})

/** Serves one service, and knows no other. */
function healthServer(service: string) {
  const server = createHttp2Server()
  server.on('stream', (stream) => {
    let asked = ''
    stream.on('data', (chunk: Buffer) => (asked += chunk.toString('latin1')))
    stream.on('end', () => {
      const known = asked.endsWith(service)
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': known ? '0' : '5' }))
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.end(known ? Buffer.from([0, 0, 0, 0, 2, 8, 1]) : undefined)
    })
  })
  return server
}
