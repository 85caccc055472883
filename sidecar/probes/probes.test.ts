import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  request,
} from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { parseIp } from '#mesh/address.ts'
import { type ContainerProbes, type ProbeCall, probePath } from '#mesh/probes.ts'
import { serveHttp } from '#runtime/http.ts'
import { silentLog } from '#runtime/log.ts'
import { dns, TestPki } from '../testing/pki.ts'
import { probeRoute } from './probes.ts'

const nonce = '00112233445566778899aabbccddeeff'
const ip = parseIp('127.0.0.1')!
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

/** An application on a port of its own. */
async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  })
  return (server.address() as AddressInfo).port
}

const httpApp = (listener: RequestListener) => listening(createHttpServer(listener))

/** Serves one probe as the sidecar does, and asks it as the kubelet does. */
async function served(
  call: ProbeCall,
  containers: Record<string, ContainerProbes> = { app: { liveness: call } },
) {
  const server = await serveHttp({
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    routes: { 'GET /probe/*': probeRoute({ table: { nonce, containers }, ip }) },
  })
  open.push(server)
  const ask = (path = probePath(nonce, 'app', 'liveness'), signal?: AbortSignal) =>
    new Promise<{ status: number; body: string; headers: IncomingMessage['headers'] }>((resolve, reject) => {
      const headers = { 'user-agent': 'kube-probe/1.34', connection: 'close' }
      const options = { host: '127.0.0.1', port: server.port, path, headers, agent: false, signal }
      const sent = request({ ...options, signal: signal as AbortSignal }, (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body, headers: response.headers })
        })
      })
      sent.on('error', reject)
      sent.end()
    })
  return { ask }
}

function http(port: number, more: Partial<ProbeCall & { kind: 'http' }> = {}): ProbeCall {
  return { kind: 'http', scheme: 'http', path: '/', headers: [], timeout: 1, ...more, port }
}

describe('an HTTP probe', () => {
  it('asks as it was declared, and brings back the status alone', async () => {
    let seen: IncomingMessage | undefined
    const port = await httpApp((message, response) => {
      seen = message
      response.writeHead(418, { 'x-secret': 'yes' }).end('the body')
    })
    const headers = [
      ['Host', 'web.example'],
      ['X-Probe', 'one'],
      ['X-Probe', 'two'],
    ] as const
    const { ask } = await served(http(port, { path: '/alive/$(POD)?deep=1', headers }))
    const { status, body, headers: answered } = await ask()
    expect({ status, body }).toEqual({ status: 418, body: '' })
    expect(answered).not.toHaveProperty('x-secret')
    expect(seen).toMatchObject({ method: 'GET', url: '/alive/$(POD)?deep=1' })
    expect(seen!.headers).toMatchObject({
      host: 'web.example',
      'user-agent': 'kube-probe/1.34',
      accept: '*/*',
    })
    expect(seen!.headers['x-probe']).toBe('one, two')
  })

  it('says of itself what the probe says', async () => {
    let seen: IncomingMessage | undefined
    const port = await httpApp((message, response) => {
      seen = message
      response.end()
    })
    const headers = [
      ['user-agent', 'mine'],
      ['Accept', ''],
    ] as const
    const { ask } = await served(http(port, { headers }))
    expect((await ask()).status).toBe(200)
    expect(seen!.headers['user-agent']).toBe('mine')
    expect(seen!.headers).not.toHaveProperty('accept')
  })

  it('by https that is answered in plaintext fails', async () => {
    const port = await httpApp((_, response) => response.end())
    const { ask } = await served(http(port, { scheme: 'https' }))
    expect((await ask()).status).toBe(503)
  })

  it('by https looks at no certificate', async () => {
    const { key, chain } = new TestPki().leaf({ names: [dns('somebody.else')], notAfter: Date.now() - 1_000 })
    const server = createHttpsServer({ key, cert: chain.join('') }, (_, response) =>
      response.writeHead(204).end(),
    )
    const { ask } = await served(http(await listening(server), { scheme: 'https' }))
    expect((await ask()).status).toBe(204)
  })

  it('fails when nobody listens', async () => {
    const port = await httpApp(() => {})
    await open.pop()!.close()
    const { ask } = await served(http(port))
    expect((await ask()).status).toBe(503)
  })

  it('fails when the answer takes longer than the probe allows', async () => {
    const port = await httpApp(() => {})
    const { ask } = await served(http(port, { timeout: 1 }))
    const began = performance.now()
    expect((await ask()).status).toBe(504)
    expect(performance.now() - began).toBeGreaterThan(900)
    expect(performance.now() - began).toBeLessThan(3_000)
  })

  it('without a timeout, a hook, lasts until the kubelet goes', async () => {
    const asked = Promise.withResolvers<IncomingMessage>()
    const port = await httpApp((message) => asked.resolve(message))
    const { ask } = await served({ kind: 'http', scheme: 'http', path: '/', headers: [], port })
    const kubelet = new AbortController()
    const answer = ask(undefined, kubelet.signal)
    const { socket } = await asked.promise
    const ended = new Promise((resolve) => socket.once('close', resolve))
    kubelet.abort()
    await expect(answer).rejects.toThrow()
    await ended
  })

  it('fails when the answer breaks off', async () => {
    const port = await httpApp((_, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('half')
      setTimeout(() => response.destroy(), 20)
    })
    const { ask } = await served(http(port))
    expect((await ask()).status).toBe(503)
  })

  it('does not read an endless answer', async () => {
    const port = await httpApp((_, response) => {
      response.writeHead(200)
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536), more))
      more()
    })
    const { ask } = await served(http(port))
    expect((await ask()).status).toBe(200)
  })

  it.each([
    ['at this pod is followed', 'relative', 500],
    ['elsewhere is an answer', 'http://192.0.2.1/', 302],
    ['without a place is an answer', undefined, 302],
    ['to the sidecar itself is an answer', 'http://127.0.0.1:15000/config', 302],
    ['to a file is an answer', 'file:///etc/passwd', 302],
    ['in a circle fails', '/', 503],
  ])('whose redirect %s', async (_, location, status) => {
    const port = await httpApp((message, response) => {
      if (message.url === '/relative') response.writeHead(500).end()
      else response.writeHead(302, location === undefined ? {} : { location }).end()
    })
    const { ask } = await served(http(port))
    expect((await ask()).status).toBe(status)
  })
})

describe('a hook', () => {
  /** The kubelet takes any answer to a hook for a good one. */
  async function hook(port: number, scheme: 'http' | 'https' = 'http') {
    const call: ProbeCall = { kind: 'http', scheme, path: '/', headers: [], port }
    const { ask } = await served(call, { app: { 'pre-stop': call } })
    return await ask(probePath(nonce, 'app', 'pre-stop'))
  }

  it('passes on every answer', async () => {
    const port = await httpApp((_, response) => response.writeHead(500).end())
    expect((await hook(port)).status).toBe(500)
  })

  it('passes on that there was none', async () => {
    const port = await httpApp(() => {})
    await open.pop()!.close()
    await expect(hook(port)).rejects.toThrow('socket hang up')
  })

  it('by https that is answered in plaintext is asked in plaintext, as by the kubelet', async () => {
    const port = await httpApp((_, response) => response.writeHead(202).end())
    expect((await hook(port, 'https')).status).toBe(202)
  })
})

describe('a TCP probe', () => {
  it('is good when somebody listens, and bad when nobody does', async () => {
    const port = await listening(createTcpServer((socket) => socket.destroy()))
    const { ask } = await served({ kind: 'tcp', port, timeout: 1 })
    expect((await ask()).status).toBe(200)
    open[0]!.close()
    expect((await ask()).status).toBe(503)
  })
})

describe('a gRPC probe', () => {
  /** A health service that answers each service name with these bytes and this status. */
  async function healthService(answers: Record<string, { message: number[]; status: string }>) {
    const server = createHttp2Server()
    server.on('stream', (stream: ServerHttp2Stream, headers) => {
      const chunks: Buffer[] = []
      stream.on('error', () => {})
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const body = Buffer.concat(chunks)
        const length = body[6] ?? 0
        const service = body.subarray(7, 7 + length).toString()
        const answer = answers[headers[':path'] === '/grpc.health.v1.Health/Check' ? service : 'unknown']
        if (!answer) return
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': answer.status }))
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.end(Buffer.from([0, 0, 0, 0, answer.message.length, ...answer.message]))
      })
    })
    return await listening(server)
  }

  it.each([
    ['serves', { message: [0x08, 1], status: '0' }, 200],
    ['does not serve', { message: [0x08, 2], status: '0' }, 503],
    ['is not known', { message: [], status: '5' }, 503],
    ['claims to serve and fails', { message: [0x08, 1], status: '13' }, 503],
    ['says nothing', { message: [], status: '0' }, 503],
  ])('of a service that %s', async (_, answer, status) => {
    const port = await healthService({ 'shop.Web': answer })
    const { ask } = await served({ kind: 'grpc', service: 'shop.Web', port, timeout: 1 })
    expect((await ask()).status).toBe(status)
  })

  it('of the whole server asks for the empty name', async () => {
    const port = await healthService({ '': { message: [0x08, 1], status: '0' } })
    const { ask } = await served({ kind: 'grpc', service: '', port, timeout: 1 })
    expect((await ask()).status).toBe(200)
  })

  it('fails in its time when no answer comes', async () => {
    const port = await healthService({})
    const { ask } = await served({ kind: 'grpc', service: 'x', port, timeout: 1 })
    expect((await ask()).status).toBe(504)
  })

  it.each([
    ['speaks HTTP/1', createHttpServer((_, response) => response.end())],
    ['hangs up', createTcpServer((socket) => socket.destroy())],
  ])('fails when the server %s', async (_, server) => {
    const { ask } = await served({ kind: 'grpc', service: 'x', port: await listening(server), timeout: 2 })
    expect((await ask()).status).toBeGreaterThanOrEqual(500)
  })

  it('fails when nobody listens', async () => {
    const port = await healthService({})
    await open.pop()!.close()
    const { ask } = await served({ kind: 'grpc', service: 'x', port, timeout: 1 })
    expect((await ask()).status).toBe(503)
  })
})

describe('paths that name no probe', () => {
  it.each([
    ['with another nonce', probePath('00112233445566778899aabbccddeef0', 'app', 'liveness')],
    ['with a part of the nonce', probePath(nonce.slice(1), 'app', 'liveness')],
    ['with no nonce', '/probe//app/liveness'],
    ['of another container', probePath(nonce, 'other', 'liveness')],
    ['of an inherited property', probePath(nonce, 'constructor', 'liveness')],
    ['of another kind', probePath(nonce, 'app', 'readiness')],
    ['of a kind that does not exist', `/probe/${nonce}/app/name`],
    ['with more behind it', `${probePath(nonce, 'app', 'liveness')}/more`],
    ['that climb', `/probe/${nonce}/app/../app/liveness/x`],
  ])('are answered 404 and reach nothing: %s', async (_, path) => {
    let reached = 0
    const port = await httpApp((_message, response) => {
      reached++
      response.end()
    })
    const { ask } = await served(http(port))
    expect((await ask(path)).status).toBe(404)
    expect(reached).toBe(0)
    expect((await ask()).status).toBe(200)
  })
})
