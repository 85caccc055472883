import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type * as realPorts from '#mesh/ports.ts'
import { ports } from '#mesh/ports.ts'
import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import { identity } from '#mesh/testing/mesh.ts'
import type { Certificate } from '../credentials/certificate.ts'
import { dns, TestPki, uri } from '../testing/pki.ts'
import { type Contexts, contexts, type ServedTunnels, served } from '../testing/tunnel-ends.ts'

vi.mock('#mesh/ports.ts', async (original) => {
  const { ports, ...rest } = await original<typeof realPorts>()
  const { freePort } = await import('../testing/free-port.ts')
  return { ...rest, ports: { ...ports, hbone: await freePort() } }
})

const pki = new TestPki()
const foreign = new TestPki({ trustDomain: 'cluster.local' })
const frontend = pki.certificate('frontend')
const frontendUri = uri(formatSpiffeId(frontend.identity))
const now = Date.now()
const hour = 3_600_000
const clientAuth = '1.3.6.1.5.5.7.3.2'
const serverAuth = '1.3.6.1.5.5.7.3.1'

interface Outcome {
  /** Status of a CONNECT; undefined where it never came to one. */
  readonly status: number | undefined
  readonly error: string
}

/** Asks for a connection as an HTTP/2 client with these TLS options does. */
function ask(options: ConnectionOptions, headers: Record<string, string> = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connectTls({ ...base(), ...options })
    const fail = (error: NodeJS.ErrnoException): void => {
      resolve({ status: undefined, error: error.code ?? error.message })
      socket.destroy()
    }
    socket.once('error', fail)
    socket.once('close', () => fail(new Error('closed')))
    socket.once('secureConnect', () => {
      const session = connectHttp2('https://hbone', { createConnection: () => socket })
      session.on('error', fail)
      const stream = session.request({ ':method': 'CONNECT', ':authority': '10.0.0.1:80', ...headers })
      stream.on('error', () => {})
      stream.once('response', (answer) => {
        resolve({ status: answer[':status'], error: '' })
        session.destroy()
      })
    })
  })
}

/** What TLS came to, looked at when the server has taken it too. */
async function handshaken(options: ConnectionOptions, prepare: (socket: TLSSocket) => void = () => {}) {
  const socket = connectTls({ ...base(), ...options })
  prepare(socket)
  await once(socket, 'secureConnect')
  const session = connectHttp2('https://hbone', { createConnection: () => socket })
  await once(session, 'remoteSettings')
  const seen = {
    serial: socket.getPeerX509Certificate()?.serialNumber,
    protocol: socket.getProtocol(),
    keyExchange: socket.getEphemeralKeyInfo(),
    reused: socket.isSessionReused(),
  }
  session.destroy()
  return seen
}

function base(): ConnectionOptions {
  return {
    host: '127.0.0.1',
    port: ports.hbone,
    ALPNProtocols: ['h2'],
    ca: [...pki.trust().roots],
    checkServerIdentity: () => undefined,
  }
}

function as({ key, chain }: Pick<Certificate, 'key' | 'chain'>): ConnectionOptions {
  return { key, cert: chain }
}

/** A client key that no certificate should be trusted with. */
function weakly(): ConnectionOptions {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1_024 })
  const { chain } = pki.leaf({ names: [frontendUri], publicKey })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { key, cert: chain.slice(0, 2).join(''), ciphers: 'DEFAULT:@SECLEVEL=0' }
}

const refusals: readonly (readonly [string, () => ConnectionOptions, reason: string])[] = [
  ['TLS 1.2', () => ({ ...as(frontend), maxVersion: 'TLSv1.2' }), 'tls_failed'],
  ['no certificate', () => ({}), 'tls_failed'],
  ['a certificate of a root that is not ours', () => as(foreign.certificate('frontend')), 'tls_failed'],
  [
    'a certificate without its issuer',
    () => as({ ...frontend, chain: frontend.chain.split(/(?<=END CERTIFICATE-----\n)/)[0]! }),
    'tls_failed',
  ],
  [
    'an expired certificate',
    () => as(pki.certificate('frontend', { notBefore: now - 2 * hour, notAfter: now - hour })),
    'tls_failed',
  ],
  [
    'a certificate of tomorrow',
    () => as(pki.certificate('frontend', { notBefore: now + hour, notAfter: now + 2 * hour })),
    'tls_failed',
  ],
  [
    'a certificate that is for servers alone',
    () => as(pki.certificate('frontend', { purposes: [serverAuth] })),
    'tls_failed',
  ],
  ['RSA of 1024 bits', weakly, 'tls_failed'],
  ['HTTP/1', () => ({ ...as(frontend), ALPNProtocols: ['http/1.1'] }), 'tls_failed'],
  ['no protocol named', () => ({ ...as(frontend), ALPNProtocols: [] }), 'not_http2'],
  [
    'another trust domain under our root',
    () => as(pki.forged([uri('spiffe://other.local/ns/shop/sa/frontend')])),
    'foreign_identity',
  ],
  [
    'two identities',
    () => as(pki.forged([frontendUri, uri(formatSpiffeId(identity('admin')))])),
    'foreign_identity',
  ],
  [
    'a NUL byte in its identity',
    () => as(pki.forged([uri(`${formatSpiffeId(frontend.identity)}\0.evil`)])),
    'foreign_identity',
  ],
  [
    'a quote in its identity',
    () => as(pki.forged([uri(`${formatSpiffeId(frontend.identity)}"`)])),
    'foreign_identity',
  ],
  [
    'an identity inside a DNS name',
    () => as(pki.forged([dns(`x, URI:${formatSpiffeId(frontend.identity)}, x`)])),
    'foreign_identity',
  ],
  ['no name at all', () => as(pki.forged([])), 'foreign_identity'],
]

describe.each(['with its first certificate', 'after a renewal', 'after a renewal and a new root'])(
  'the accepting end %s',
  (when) => {
    let ends: ServedTunnels
    let source: Contexts
    beforeAll(async () => {
      source = contexts(pki.certificate('backend'), pki.trust())
      ends = await served(source, (request) => request.accept())
      if (when === 'with its first certificate') return
      source.own = pki.certificate('backend')
      if (when.endsWith('new root')) source.roots = pki.trust(new TestPki())
      await ends.server.refresh()
    })
    afterAll(() => ends[Symbol.asyncDispose]())

    it('answers a meshed peer, and knows who it is', async () => {
      expect(await ask(as(frontend))).toEqual({ status: 200, error: '' })
      const request = ends.requests.at(-1)
      expect(request).toMatchObject({
        authority: '10.0.0.1:80',
        peerIp: '127.0.0.1',
        peer: {
          identity: frontend.identity,
          serial: frontend.serial,
          notAfter: frontend.notAfter,
          roots: [pki.root.certificate.fingerprint256],
        },
      })
    })

    it.each(refusals)('refuses %s, and counts it', async (_, options, reason) => {
      const before = await ends.refused(reason)
      const requests = ends.requests.length
      expect(await ask(options())).toMatchObject({ status: undefined })
      await expect.poll(() => ends.refused(reason)).toBe(before + 1)
      expect(ends.requests).toHaveLength(requests)
    })

    it('shows its newest certificate', async () => {
      expect(await handshaken(as(frontend))).toMatchObject({
        serial: source.own.serial,
        protocol: 'TLSv1.3',
        keyExchange: { name: 'X25519MLKEM768' },
      })
    })

    it.each(['X25519', 'P-256'])('also agrees on a key by %s', async (ecdhCurve) => {
      expect(await ask({ ...as(frontend), ecdhCurve })).toMatchObject({ status: 200 })
    })

    it('resumes no session, which would come without a client certificate', async () => {
      const sessions: Buffer[] = []
      await handshaken(as(frontend), (socket) =>
        socket.on('session', (session) => void sessions.push(session)),
      )
      for (const session of sessions) {
        const before = await ends.refused('tls_failed')
        expect(await ask({ session })).toMatchObject({ status: undefined })
        await expect.poll(() => ends.refused('tls_failed')).toBe(before + 1)
        expect((await handshaken({ ...as(frontend), session })).reused).toBe(false)
      }
    })

    it('refuses plaintext', async () => {
      const before = await ends.refused('tls_failed')
      const socket = connectTcp(ports.hbone, '127.0.0.1', () =>
        socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      )
      await new Promise((resolve) =>
        socket
          .on('error', () => {})
          .on('close', resolve)
          .resume(),
      )
      await expect.poll(() => ends.refused('tls_failed')).toBe(before + 1)
    })
  },
)

describe('a request that is no CONNECT', () => {
  it('is answered 400, and its tunnel lives on', async () => {
    const source = contexts(pki.certificate('backend'), pki.trust())
    await using ends = await served(source, (request) => request.accept())
    const socket = connectTls({ ...base(), ...as(frontend) })
    await once(socket, 'secureConnect')
    const session = connectHttp2('https://hbone', { createConnection: () => socket })
    const status = (headers: Record<string, string>) =>
      new Promise((resolve) => {
        const stream = session.request(headers)
        stream.on('error', () => {})
        stream.once('response', (answer) => resolve(answer[':status']))
        stream.once('close', () => resolve(constants.NGHTTP2_REFUSED_STREAM))
      })
    const get = { ':method': 'GET', ':path': '/', ':scheme': 'https', ':authority': '10.0.0.1:80' }
    expect(await status(get)).toBe(400)
    expect(await status({ ...get, ':method': 'POST' })).toBe(400)
    expect(await status({ ':method': 'CONNECT', ':authority': '10.0.0.1:80' })).toBe(200)
    expect([ends.requests.length, await ends.refused('not_connect')]).toEqual([1, 2])
    session.destroy()
  })
})

it('a peer whose client key may serve clients alone is let in', async () => {
  await using ends = await served(contexts(pki.certificate('backend'), pki.trust()), (request) =>
    request.accept(),
  )
  expect(await ask(as(pki.certificate('frontend', { purposes: [clientAuth] })))).toMatchObject({
    status: 200,
  })
  expect(ends.requests).toHaveLength(1)
})

it('a port that is taken is named', async () => {
  const source = contexts(pki.certificate('backend'), pki.trust())
  await using _first = await served(source)
  await expect(served(source)).rejects.toThrow(`port ${ports.hbone}`)
})

describe('a server that closes', () => {
  const source = () => contexts(pki.certificate('backend'), pki.trust())
  const pending = async (closed: Promise<void>, ms: number): Promise<boolean> => {
    const late = new Promise<boolean>((resolve) => setTimeout(resolve, ms, true))
    return await Promise.race([closed.then(() => false), late])
  }

  it('is closed at once where nobody is there', async () => {
    await using ends = await served(source())
    await ends.server.close()
  })

  it('waits for whoever is proving who it is: it may have asked for something already', async () => {
    await using ends = await served(source())
    const early = connectTcp(ports.hbone, '127.0.0.1')
    await expect.poll(() => ends.server.handshakes).toBe(1)
    const closed = ends.server.close()
    expect(await pending(closed, 50)).toBe(true)
    early.destroy()
    await closed
  })

  it('waits until a peer has read what it was told', async () => {
    await using ends = await served(source())
    const slow = connectTls({ ...base(), ...as(frontend) })
    await once(slow, 'secureConnect')
    await expect.poll(() => ends.server.tunnels).toBe(1)
    const closed = ends.server.close()
    // It answers no PING: a second later the tunnel ends, but not what was said of that.
    await expect.poll(() => ends.server.tunnels, { timeout: 3_000 }).toBe(0)
    expect(await pending(closed, 50)).toBe(true)
    slow.resume()
    await closed
  })
})
