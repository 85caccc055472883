import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { credentials, Metadata, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import {
  IstioCertificateRequest,
  type IstioCertificateResponse,
  IstioCertificateServiceClient,
} from '#proto/istio/v1/auth/ca.ts'
import { createGrpcServer } from '../grpc-server.ts'
import { authenticate } from './bearer.ts'
import { certificateServiceDefinition } from './certificate-service.ts'
import { openFileTokens } from './file-tokens/file-tokens.ts'
import { mostBytes } from './read-request.ts'
import { mostLive } from './serials/live-serials.ts'
import { day, hour, registry, start, type TestAuthority, testAuthority } from './testing/authority.ts'
import { ecKeys, makeCsr } from './testing/csr.ts'
import { MemoryLedger } from './testing/memory-ledger.ts'
import { hasOpenssl, openssl } from './testing/openssl.ts'
import { framed, RawClient } from './testing/raw-client.ts'
import type { TokenVerifier } from './tokens.ts'

const shop = `
mesh: { networks: [127.0.0.0/8] }
workloads:
  - { name: frontend-1, namespace: shop, serviceAccount: frontend, addresses: [127.0.0.1] }
  - { name: elsewhere-1, namespace: shop, serviceAccount: elsewhere, addresses: [127.0.0.2] }
`
const name = 'weft-control-plane.weft-system.svc'

interface Served extends TestAuthority {
  readonly ledger: MemoryLedger
  readonly revoked: Set<string>
  readonly token: (pod: string) => Promise<string>
  create(request: Partial<IstioCertificateRequest>, token?: string): Promise<IstioCertificateResponse>
  /** A client that sends what it likes, when it likes. */
  raw(): RawClient
}

/** The authority behind a real gRPC server, dialled as a sidecar would: trust from the bundle, name verified. */
async function served(options: { lifetime?: number; verifier?: TokenVerifier } = {}): Promise<Served> {
  // Real time, because the TLS connection judges the serving certificate by it.
  const mesh = await testAuthority({ ...options, now: Date.now() })
  const tokens = await openFileTokens({ stateDir: mesh.stateDir, log: mesh.log, now: () => mesh.clock.now })
  await tokens.update(registry(shop))
  const ledger = new MemoryLedger()
  const revoked = new Set<string>()
  const { chain, privateKey } = mesh.authority.serving.current
  const server = createGrpcServer()
  server.addService(
    certificateServiceDefinition,
    mesh.authority.certificateService((call) => authenticate(call, options.verifier ?? tokens), {
      ledger,
      isRevoked: (podUid) => revoked.has(podUid),
    }),
  )
  const keyPair = { cert_chain: Buffer.from(chain), private_key: Buffer.from(privateKey) }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [keyPair]), (error, bound) => {
      if (error) reject(error)
      else resolve(bound)
    })
  })
  const trust = credentials.createSsl(Buffer.from(mesh.authority.trustBundle.current))
  const client = new IstioCertificateServiceClient(`127.0.0.1:${port}`, trust, {
    'grpc.ssl_target_name_override': name,
    'grpc.default_authority': name,
  })
  return {
    ...mesh,
    ledger,
    revoked,
    token: (pod) => readFile(join(mesh.stateDir, 'tokens/shop', pod), 'utf8'),
    create: (request, token) => {
      const metadata = new Metadata()
      if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
      const whole = { csr: '', validityDuration: 0, metadata: undefined, ...request }
      return new Promise((resolve, reject) => {
        client.createCertificate(whole, metadata, (error, response) =>
          error ? reject(error) : resolve(response),
        )
      })
    },
    raw: () => new RawClient({ port, ca: mesh.authority.trustBundle.current, servername: name }),
    [Symbol.dispose]: () => {
      client.close()
      server.forceShutdown()
      tokens.close()
      mesh[Symbol.dispose]()
    },
  }
}

describe('CreateCertificate', () => {
  test('answers leaf, issuer and root for the key in the request', async () => {
    using mesh = await served()
    const keys = ecKeys()
    const { certChain } = await mesh.create({ csr: makeCsr({ keys }) }, await mesh.token('frontend-1'))
    const [leaf, issuer, root] = certChain.map((pem) => new X509Certificate(pem)) as [
      X509Certificate,
      X509Certificate,
      X509Certificate,
    ]
    expect(certChain).toHaveLength(3)
    expect(leaf.checkPrivateKey(keys.privateKey)).toBe(true)
    expect(
      leaf.verify(issuer.publicKey) && issuer.verify(root.publicKey) && root.verify(root.publicKey),
    ).toBe(true)
    expect(root.toString()).toBe(mesh.authority.trustBundle.current)
  })

  test('takes the identity from the token, whatever names the request has', async () => {
    using mesh = await served()
    const csr = makeCsr({ commonName: 'spiffe://cluster.local/ns/shop/sa/backend' })
    const { certChain } = await mesh.create({ csr }, await mesh.token('frontend-1'))
    expect(new X509Certificate(certChain[0]!).subjectAltName).toBe(
      'URI:spiffe://cluster.local/ns/shop/sa/frontend',
    )
  })

  test.runIf(hasOpenssl)('takes no other identity from a request that names one', async () => {
    using mesh = await served()
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem']
    const uri = 'URI:spiffe://cluster.local/ns/shop/sa/backend'
    const names = ['-subj', '/CN=backend', '-addext', `subjectAltName=${uri},DNS:backend.shop.svc`]
    const csr = openssl(['req', '-new', ...key, ...names])
    const { certChain } = await mesh.create({ csr }, await mesh.token('frontend-1'))
    const leaf = new X509Certificate(certChain[0]!)
    expect(leaf.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/frontend')
    expect(leaf.subject).toBeFalsy()
  })

  test.each([
    ['nothing', 0, day],
    ['less', 3_600, hour],
    ['more than there is', 1_000_000_000, day],
  ])('a caller that asks for %s', async (_, validityDuration, expected) => {
    using mesh = await served()
    const { certChain } = await mesh.create(
      { csr: makeCsr(), validityDuration },
      await mesh.token('frontend-1'),
    )
    const end = new X509Certificate(certChain[0]!).validToDate.getTime()
    expect(end).toBe(Math.floor((mesh.clock.now + expected) / 1_000) * 1_000)
  })

  test('leaves an audit record with everything but the token', async () => {
    using mesh = await served()
    const token = await mesh.token('frontend-1')
    const { certChain } = await mesh.create({ csr: makeCsr() }, token)
    expect(mesh.records).toContainEqual({
      time: expect.any(String),
      level: 'info',
      component: 'test',
      message: 'certificate issued',
      serial: new X509Certificate(certChain[0]!).serialNumber.toLowerCase(),
      identity: 'spiffe://cluster.local/ns/shop/sa/frontend',
      pod: 'shop/frontend-1',
      podUid: expect.any(String),
      notAfter: expect.any(String),
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    })
    expect(JSON.stringify(mesh.records)).not.toContain(token.split('.')[2])
    expect(await mesh.metrics.metrics()).toContain('weft_certificates_issued_total 1')
  })
})

describe('a serial', () => {
  test('is kept for its pod before the certificate is given out', async () => {
    using mesh = await served()
    const { certChain } = await mesh.create({ csr: makeCsr() }, await mesh.token('frontend-1'))
    const leaf = new X509Certificate(certChain[0]!)
    const [workload] = registry(shop).workloads
    expect(mesh.ledger.issued).toEqual([
      {
        podUid: workload!.podUid,
        serial: leaf.serialNumber.toLowerCase(),
        notAfter: leaf.validToDate.getTime(),
      },
    ])
  })

  test('that cannot be kept belongs to a certificate that nobody gets', async () => {
    using mesh = await served()
    mesh.ledger.failing = true
    await expect(mesh.create({ csr: makeCsr() }, await mesh.token('frontend-1'))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    })
    expect(mesh.records).toContainEqual(
      expect.objectContaining({ reason: 'not_recorded', detail: 'the ledger is away' }),
    )
    expect(mesh.records).not.toContainEqual(expect.objectContaining({ message: 'certificate issued' }))
  })

  test('of a pod that is revoked meanwhile belongs to a certificate that nobody gets', async () => {
    using mesh = await served()
    const [workload] = registry(shop).workloads
    const record = mesh.ledger.record.bind(mesh.ledger)
    mesh.ledger.record = (issued) => {
      mesh.revoked.add(workload!.podUid)
      return record(issued)
    }
    await expect(mesh.create({ csr: makeCsr() }, await mesh.token('frontend-1'))).rejects.toMatchObject({
      code: status.UNAUTHENTICATED,
    })
    expect(mesh.records).toContainEqual(expect.objectContaining({ reason: 'pod_revoked' }))
  })

  test('too many of one pod is told by name', async () => {
    using mesh = await served()
    const token = await mesh.token('frontend-1')
    for (let i = 0; i < 4; i++) await mesh.create({ csr: makeCsr() }, token)
    const told = mesh.records.filter(({ message }) => String(message).startsWith('a pod has more keys'))
    expect(told).toMatchObject([{ pod: 'shop/frontend-1' }])
    expect(await mesh.metrics.metrics()).toContain('weft_pods_with_surplus_keys_total 1\n')
  })
})

describe('a refusal', () => {
  test.each([
    [
      'without a token',
      undefined,
      'missing_token',
      /send one metadata entry "authorization: Bearer <token>"/,
    ],
    [
      'with a bad token',
      'e30.e30.e30',
      'malformed',
      /the token was not accepted; the log of the control plane says why/,
    ],
  ])('%s is UNAUTHENTICATED', async (_, token, reason, details) => {
    using mesh = await served()
    const error = await refusal(mesh.create({ csr: makeCsr() }, token))
    expect(error).toMatchObject({ code: status.UNAUTHENTICATED, details: expect.stringMatching(details) })
    expect(await mesh.metrics.metrics()).toContain(`weft_certificates_refused_total{reason="${reason}"} 1`)
  })

  test("with another pod's token is UNAUTHENTICATED, because it comes from another address", async () => {
    using mesh = await served()
    const error = await refusal(mesh.create({ csr: makeCsr() }, await mesh.token('elsewhere-1')))
    expect(error.code).toBe(status.UNAUTHENTICATED)
    expect(await mesh.metrics.metrics()).toContain(
      'weft_certificates_refused_total{reason="other_address"} 1',
    )
  })

  test('of a bad request is opaque to the caller, and full in the log under the same reference', async () => {
    using mesh = await served()
    const csr = makeCsr({ keys: ecKeys('P-224') })
    const error = await refusal(mesh.create({ csr }, await mesh.token('frontend-1')))
    expect(error.code).toBe(status.INVALID_ARGUMENT)
    const reference = /^the certificate request was not accepted \(reference ([0-9a-f]{8})\)$/.exec(
      error.details,
    )?.[1]
    expect(mesh.records).toContainEqual(
      expect.objectContaining({
        message: 'certificate refused',
        reference,
        reason: 'csr_curve',
        detail: 'the key is on another curve than P-256, P-384 or P-521',
        podName: 'frontend-1',
      }),
    )
  })

  test('of a negative lifetime names the field', async () => {
    using mesh = await served()
    const request = { csr: makeCsr(), validityDuration: -1 }
    const error = await refusal(mesh.create(request, await mesh.token('frontend-1')))
    expect(error).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('validity_duration'),
    })
  })

  test('of a pod that asks without end is RESOURCE_EXHAUSTED, and its siblings go on', async () => {
    const verifier: TokenVerifier = {
      verify: async (podName) => ({
        namespace: 'shop',
        podName,
        podUid: podName,
        serviceAccount: 'frontend',
      }),
    }
    using mesh = await served({ verifier })
    const csr = makeCsr()
    const codes = await Promise.all(
      Array.from({ length: 25 }, () =>
        mesh.create({ csr }, 'pod-1').then(
          () => status.OK,
          ({ code }) => code,
        ),
      ),
    )
    expect(codes.filter((code) => code === status.OK)).toHaveLength(20)
    expect(codes.filter((code) => code === status.RESOURCE_EXHAUSTED)).toHaveLength(5)
    // The authority's clock may be set; the limit's may not.
    mesh.clock.now += hour
    await expect(mesh.create({ csr }, 'pod-1')).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED })
    await expect(mesh.create({ csr }, 'pod-2')).resolves.toHaveProperty('certChain.length', 3)
  })

  test('of a pod with too many live certificates is RESOURCE_EXHAUSTED, and writes nothing', async () => {
    using mesh = await served()
    const [{ podUid } = { podUid: '' }] = registry(shop).workloads
    const token = await mesh.token('frontend-1')
    const notAfter = mesh.clock.now + hour / 2
    // Another replica gave it all but one.
    for (let i = 1; i < mostLive; i++) {
      await mesh.ledger.record({ podUid, serial: i.toString(16).padStart(2, '0'), notAfter })
    }
    await mesh.create({ csr: makeCsr() }, token)
    const error = await refusal(mesh.create({ csr: makeCsr() }, token))
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED)
    expect(mesh.records).toContainEqual(expect.objectContaining({ reason: 'too_many_live', podUid }))
    expect(mesh.ledger.issued).toHaveLength(mostLive)
    mesh.clock.now = notAfter
    await expect(mesh.create({ csr: makeCsr() }, token)).resolves.toHaveProperty('certChain.length', 3)
  })

  test('of a caller whose names make no identity is PERMISSION_DENIED', async () => {
    const caller = { namespace: 'shop/sa/root', podName: 'p', podUid: 'u', serviceAccount: 'x' }
    using mesh = await served({ verifier: { verify: async () => caller } })
    expect((await refusal(mesh.create({ csr: makeCsr() }, 't'))).code).toBe(status.PERMISSION_DENIED)
  })

  test('while the issuer has ended is UNAVAILABLE, and says no more', async () => {
    const caller = { namespace: 'shop', podName: 'p', podUid: 'u', serviceAccount: 'x' }
    using mesh = await served({ verifier: { verify: async () => caller } })
    mesh.clock.now = start + 2 * 365 * day
    const error = await refusal(mesh.create({ csr: makeCsr() }, 't'))
    expect(error.code).toBe(status.UNAVAILABLE)
    expect(error.details).toMatch(/^no certificate can be issued now: try again \(reference [0-9a-f]{8}\)$/)
  })
})

describe('a request', () => {
  test('of whoever shows no token, or a bad one, is refused before it is whole, and its stream ends', async () => {
    using mesh = await served()
    using client = mesh.raw()
    const calls = Array.from({ length: 90 }, (_, i) => client.call(i % 2 === 0 ? undefined : 'e30.e30.e30'))
    for (const call of calls) call.write(framed(Buffer.alloc(1_000), { announced: 8_000_000 }))
    for (const call of calls) {
      expect(await call.status).toBe(status.UNAUTHENTICATED)
      await call.closed
    }
    const { metrics } = mesh
    expect(await metrics.metrics()).toContain('weft_certificates_refused_total{reason="missing_token"} 45')
    expect(await metrics.metrics()).toContain('weft_certificates_refused_total{reason="malformed"} 45')
  })

  test('is not taken in while its token is judged', async () => {
    const judged = Promise.withResolvers<never>()
    using mesh = await served({ verifier: { verify: () => judged.promise } })
    using client = mesh.raw()
    const calls = Array.from({ length: 40 }, () => client.call('t'))
    for (const call of calls) call.write(framed(Buffer.alloc(1_000_000), {}))
    await client.settled()
    // Twice the window of HTTP/2 on each, of the megabyte: once in the stream's own buffer, once on the way there.
    expect(client.bytesWritten).toBeLessThan(calls.length * 140_000)
    judged.reject(new Error('no'))
    for (const call of calls) expect(await call.status).toBe(status.UNAVAILABLE)
  })

  test('of more than 64 KiB is refused while it comes', async () => {
    using mesh = await served()
    using client = mesh.raw()
    const call = client.call(await mesh.token('frontend-1'))
    call.write(framed(Buffer.alloc(mostBytes + 1_000), { announced: 8_000_000 }))
    expect(await call.status).toBe(status.RESOURCE_EXHAUSTED)
    await call.closed
    expect(mesh.records).toContainEqual(
      expect.objectContaining({ reason: 'request_too_large', podName: 'frontend-1' }),
    )
  })

  test.each([
    ['never comes', undefined, 'missing_request'],
    ['is none', framed(Buffer.from('ffffffff', 'hex'), {}), 'malformed_request'],
  ])('that %s is INVALID_ARGUMENT', async (_, bytes, reason) => {
    using mesh = await served()
    using client = mesh.raw()
    const call = client.call(await mesh.token('frontend-1'))
    if (bytes) call.write(bytes)
    call.end()
    expect(await call.status).toBe(status.INVALID_ARGUMENT)
    expect(mesh.records).toContainEqual(expect.objectContaining({ reason }))
  })

  test('whose caller leaves is let go', async () => {
    using mesh = await served()
    using client = mesh.raw()
    const call = client.call(await mesh.token('frontend-1'))
    await client.settled()
    call.reset()
    await expect
      .poll(() => mesh.records)
      .toContainEqual(expect.objectContaining({ reason: 'missing_request' }))
  })

  test('is answered once it is whole, though the caller sends on', async () => {
    using mesh = await served()
    using client = mesh.raw()
    const call = client.call(await mesh.token('frontend-1'))
    const request = { csr: makeCsr(), validityDuration: 0, metadata: undefined }
    const message = framed(Buffer.from(IstioCertificateRequest.encode(request).finish()), {})
    call.write(Buffer.concat([message, message, message]))
    expect(await call.status).toBe(status.OK)
    await call.closed
    expect(mesh.ledger.issued).toHaveLength(1)
  })
})

async function refusal(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => expect.unreachable('the call should have been refused'),
    (error: ServiceError) => error,
  )
}
