import { createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { createServer, type Server, type TlsOptions } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type * as realPorts from '#mesh/ports.ts'
import { ports } from '#mesh/ports.ts'
import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import { identity, ip } from '#mesh/testing/mesh.ts'
import type { Certificate } from '../credentials/certificate.ts'
import { ConnectError } from '../proxy/connect-error.ts'
import { dns, TestPki, uri } from '../testing/pki.ts'
import { contexts, served } from '../testing/tunnel-ends.ts'
import { framesLayer } from './frames/layer.ts'
import { tlsContext } from './tls-context.ts'

vi.mock('#mesh/ports.ts', async (original) => {
  const { ports, ...rest } = await original<typeof realPorts>()
  const { freePort } = await import('../testing/free-port.ts')
  return { ...rest, ports: { ...ports, hbone: await freePort() } }
})

const pki = new TestPki()
const backend = identity('backend')
const backendUri = uri(formatSpiffeId(backend))
const target = { ip: ip('127.0.0.1'), identity: backend }
const now = Date.now()
const hour = 3_600_000
const never = new AbortController().signal

let open: (Server | TcpServer)[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const server of open) server.close()
  open = []
})

/** Somebody who answers on the tunnel's port, and what bytes reached them inside TLS. */
async function impostor(options: TlsOptions): Promise<{ bytes: () => number }> {
  let bytes = 0
  const server = createServer({ ALPNProtocols: ['h2'], ...options }, (socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
  })
  server.on('tlsClientError', () => {})
  open.push(server)
  await new Promise<void>((resolve) => server.listen(ports.hbone, '127.0.0.1', resolve))
  return { bytes: () => bytes }
}

function as({ key, chain }: Pick<Certificate, 'key' | 'chain'>): TlsOptions {
  return { key, cert: chain }
}

const refusals: readonly (readonly [string, () => TlsOptions, failure: string, told: string])[] = [
  ['has another identity', () => as(pki.certificate('thief')), 'wrong_identity', 'sa/thief'],
  [
    'has two identities',
    () => as(pki.forged([backendUri, uri(formatSpiffeId(identity('thief')))])),
    'wrong_identity',
    'sa/thief',
  ],
  [
    'has a NUL byte in its identity',
    () => as(pki.forged([uri(`${formatSpiffeId(backend)}\0.evil`)])),
    'wrong_identity',
    'u0000',
  ],
  [
    'has its identity in a DNS name',
    () => as(pki.forged([dns(`x, URI:${formatSpiffeId(backend)}, x`)])),
    'wrong_identity',
    'DNS',
  ],
  [
    'has only the DNS name of its address',
    () => as(pki.forged([dns('127.0.0.1')])),
    'wrong_identity',
    'DNS:127.0.0.1',
  ],
  ['has no name', () => as(pki.forged([])), 'wrong_identity', 'no name'],
  ['is signed by a root that is not ours', () => as(new TestPki().certificate('backend')), 'tls_failed', ''],
  [
    'has expired',
    () => as(pki.certificate('backend', { notBefore: now - 2 * hour, notAfter: now - hour })),
    'tls_failed',
    'expired',
  ],
  [
    'is of tomorrow',
    () => as(pki.certificate('backend', { notBefore: now + hour, notAfter: now + 2 * hour })),
    'tls_failed',
    'not yet valid',
  ],
  [
    'is for clients alone',
    () => as(pki.certificate('backend', { purposes: ['1.3.6.1.5.5.7.3.2'] })),
    'tls_failed',
    'purpose',
  ],
  ['speaks TLS 1.2', () => ({ ...as(pki.certificate('backend')), maxVersion: 'TLSv1.2' }), 'tls_failed', ''],
  [
    'speaks HTTP/1',
    () => ({ ...as(pki.certificate('backend')), ALPNProtocols: ['http/1.1'] }),
    'tls_failed',
    '',
  ],
  [
    'names no protocol',
    () => ({ ...as(pki.certificate('backend')), ALPNProtocols: [] }),
    'tls_failed',
    'HTTP/2',
  ],
]

const renewals = ['first', 'renewed', 'renewed under a new root'] as const

describe.each(renewals)('a dial with a certificate that is %s', (which) => {
  const own = contexts(pki.certificate('frontend'), pki.trust())
  if (which !== 'first') own.own = pki.certificate('frontend')
  if (which.endsWith('new root')) own.roots = pki.trust(new TestPki())
  const layer = framesLayer(own)

  it('yields a tunnel to the workload that was meant', async () => {
    const certificate = pki.certificate('backend')
    await using ends = await served(contexts(certificate, pki.trust()))
    const tunnel = await layer.dial(target, never)
    expect(tunnel).toMatchObject({
      usable: true,
      streams: 0,
      keyExchange: 'X25519MLKEM768',
      peer: {
        identity: backend,
        serial: certificate.serial,
        notAfter: certificate.notAfter,
        roots: [pki.root.certificate.fingerprint256],
      },
    })
    tunnel.destroy(new Error('done'))
    expect(ends.requests).toHaveLength(0)
  })

  it.each(refusals)('ends, and says nothing, when who answers %s', async (_, options, failure, told) => {
    const { bytes } = await impostor(options())
    const error = await layer.dial(target, never).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(error).toBeInstanceOf(ConnectError)
    expect(error).toMatchObject({ failure, retryable: true })
    expect((error as ConnectError).message).toMatch(new RegExp(`^tunnel to 127\\.0\\.0\\.1:${ports.hbone}: `))
    expect((error as ConnectError).message).toContain(told)
    if (failure === 'wrong_identity')
      expect((error as ConnectError).message).toContain(formatSpiffeId(backend))
    expect(bytes()).toBe(0)
  })
})

describe('a dial', () => {
  const own = contexts(pki.certificate('frontend'), pki.trust())

  it('of an address where nobody listens is refused', async () => {
    await expect(framesLayer(own).dial(target, never)).rejects.toMatchObject({
      failure: 'connection_refused',
    })
  })

  it('that has no certificate to show is not made', async () => {
    const fail = (): never => {
      throw new ConnectError('no_certificate', 'none yet')
    }
    const { bytes } = await impostor(tlsContext(pki.certificate('backend'), pki.trust()))
    const dialled = framesLayer({ certificate: fail, trust: fail, authorities: () => [] }).dial(target, never)
    await expect(dialled).rejects.toMatchObject({ failure: 'no_certificate', retryable: false })
    expect(bytes()).toBe(0)
  })

  it('of somebody who says nothing ends with its signal', async () => {
    await silent()
    const abort = new AbortController()
    const dialled = framesLayer(own).dial(target, abort.signal)
    setTimeout(() => abort.abort(), 20)
    await expect(dialled).rejects.toMatchObject({ failure: 'cancelled', retryable: false })
  })

  it('does not begin when its signal has aborted', async () => {
    const dialled = framesLayer(own).dial(target, AbortSignal.abort())
    await expect(dialled).rejects.toMatchObject({ failure: 'cancelled' })
  })

  it('of somebody who says nothing ends after five seconds', async () => {
    await silent()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const dialled = expect(framesLayer(own).dial(target, never)).rejects.toMatchObject({
      failure: 'timeout',
      message: expect.stringContaining('NetworkPolicy'),
    })
    await vi.advanceTimersByTimeAsync(5_000)
    await dialled
  })

  it('of somebody who closes at once is told as such', async () => {
    const server = createTcpServer((socket) => socket.destroy())
    open.push(server)
    await new Promise<void>((resolve) => server.listen(ports.hbone, '127.0.0.1', resolve))
    await expect(framesLayer(own).dial(target, never)).rejects.toMatchObject({
      failure: 'tls_failed',
      retryable: true,
    })
  })
})

/** Somebody who accepts and never speaks. */
async function silent(): Promise<void> {
  const server = createTcpServer((socket) => socket.on('error', () => {}))
  open.push(server)
  await new Promise<void>((resolve) => server.listen(ports.hbone, '127.0.0.1', resolve))
}
