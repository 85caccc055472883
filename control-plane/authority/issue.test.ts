import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { spiffeId } from '#mesh/spiffe-id.ts'
import type { Signer } from './certificate.ts'
import { FileSigners } from './file-signers.ts'
import { type Issued, issue } from './issue.ts'
import { Issuer } from './issuer.ts'
import { createKey } from './keys.ts'
import { makeRoot } from './root.ts'
import { StateDirectory } from './state-directory.ts'
import { day, hour, start } from './testing/authority.ts'
import { hasOpenssl, openssl } from './testing/openssl.ts'
import { temporaryFolder } from './testing/temporary-folder.ts'

const folder = temporaryFolder()
const frontend = spiffeId('cluster.local', 'shop', 'frontend')!
const backend = spiffeId('cluster.local', 'shop', 'backend')!
let root: Signer
let issuer: Issuer

beforeAll(async () => {
  const state = new FileSigners(new StateDirectory(folder.path))
  root = makeRoot('cluster.local', start)
  issuer = await Issuer.open({ store: state, root, now: start })
})
afterAll(() => folder[Symbol.dispose]())

function leaf(
  options: { identity?: typeof frontend; lifetime?: number; now?: number; key?: KeyObject } = {},
): Issued {
  const { identity = frontend, lifetime = day, now = start, key = createKey() } = options
  return issue({ identity, publicKey: createPublicKey(key), lifetime, now }, issuer.signer)
}

describe('a leaf', () => {
  test('proves one identity and nothing else', () => {
    const { certificate } = leaf()
    expect(certificate.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/frontend')
    expect(certificate.subject).toBeUndefined()
    expect(certificate.ca).toBe(false)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
    expect(certificate.checkIssued(issuer.signer.certificate)).toBe(true)
    expect(certificate.verify(issuer.signer.certificate.publicKey)).toBe(true)
  })

  test('lives as long as asked, reaches a minute back', () => {
    const { notBefore, notAfter } = leaf({ now: start + hour, lifetime: 2 * hour })
    expect(notBefore).toBe(start + hour - 60_000)
    expect(notAfter).toBe(start + 3 * hour)
  })

  test('never outlives its issuer, nor begins before it', () => {
    const end = issuer.signer.certificate.validToDate.getTime()
    expect(leaf({ now: end - hour, lifetime: day }).notAfter).toBe(end)
    expect(leaf({ now: start - 30_000 }).notBefore).toBe(start - 60_000)
    expect(() => leaf({ now: end })).toThrow(/the issuer's certificate, or one above it, ended at/)
  })

  test('has a serial of 16 bytes that is positive and its own', () => {
    const serials = Array.from({ length: 200 }, () => leaf().certificate.serialNumber)
    expect(new Set(serials).size).toBe(200)
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/)
  })
})

describe.runIf(hasOpenssl)('openssl', () => {
  const pem = (certificate: X509Certificate) => certificate.toString()
  const at = String(start / 1_000 + 60)

  test.each(['sslserver', 'sslclient'])('verifies the chain strictly for %s', (purpose) => {
    const files = {
      root: pem(root.certificate),
      issuer: pem(issuer.signer.certificate),
      leaf: leaf().chain[0],
    }
    const args = ['verify', '-x509_strict', '-attime', at, '-purpose', purpose]
    expect(openssl([...args, '-CAfile', 'root', '-untrusted', 'issuer', 'leaf'], files)).toBe('leaf: OK\n')
  })

  test('refuses it under another root', async () => {
    const stranger = makeRoot('cluster.local', start)
    const files = {
      root: pem(stranger.certificate),
      issuer: pem(issuer.signer.certificate),
      leaf: leaf().chain[0],
    }
    expect(() => openssl(['verify', '-CAfile', 'root', '-untrusted', 'issuer', 'leaf'], files)).toThrow()
  })

  test('refuses a leaf that a leaf signed', () => {
    const key = createKey()
    const forger: Signer = { certificate: leaf({ key }).certificate, privateKey: key, issuers: [] }
    const request = { identity: backend, publicKey: createPublicKey(createKey()), lifetime: hour, now: start }
    const forged = issue(request, forger)
    const files = {
      root: pem(root.certificate),
      between: pem(issuer.signer.certificate) + pem(forger.certificate),
      leaf: forged.chain[0],
    }
    const args = ['verify', '-attime', at, '-CAfile', 'root', '-untrusted', 'between', 'leaf']
    expect(() => openssl(args, files)).toThrow(/invalid CA certificate/)
  })

  test('reads the extensions as they were meant', () => {
    const text = (certificate: string) => openssl(['x509', '-in', 'c', '-noout', '-text'], { c: certificate })
    expect(text(pem(root.certificate))).toContain('CA:TRUE, pathlen:1')
    expect(text(pem(issuer.signer.certificate))).toContain('CA:TRUE, pathlen:0')
    expect(text(pem(issuer.signer.certificate))).toMatch(
      /Key Usage: critical\n +Certificate Sign, CRL Sign\n/,
    )
    const ofLeaf = text(leaf().chain[0])
    expect(ofLeaf).toMatch(/Basic Constraints: critical\n +CA:FALSE\n/)
    expect(ofLeaf).toMatch(/Key Usage: critical\n +Digital Signature\n/)
    expect(ofLeaf).toMatch(
      /Extended Key Usage: \n +TLS Web Server Authentication, TLS Web Client Authentication\n/,
    )
    expect(ofLeaf).toMatch(
      /Alternative Name: critical\n +URI:spiffe:\/\/cluster.local\/ns\/shop\/sa\/frontend\n/,
    )
    expect(keyIdentifier(ofLeaf, 'Authority')).toBe(
      keyIdentifier(text(pem(issuer.signer.certificate)), 'Subject'),
    )
  })
})

test('two leaves speak TLS 1.3 with each other, each proving its identity', async () => {
  const now = Date.now()
  using live = temporaryFolder()
  const state = new FileSigners(new StateDirectory(live.path))
  const liveRoot = makeRoot('cluster.local', now)
  const liveIssuer = await Issuer.open({ store: state, root: liveRoot, now })
  const credentials = (identity: typeof frontend) => {
    const key = createKey()
    const issued = issue(
      { identity, publicKey: createPublicKey(key), lifetime: hour, now },
      liveIssuer.signer,
    )
    return {
      key: key.export({ type: 'pkcs8', format: 'pem' }),
      cert: issued.chain.join(''),
      ca: liveRoot.certificate.toString(),
      minVersion: 'TLSv1.3' as const,
    }
  }
  const server = createServer(
    { ...credentials(backend), requestCert: true, rejectUnauthorized: true },
    (socket) => {
      socket.end(`${socket.getProtocol()} ${socket.getPeerX509Certificate()?.subjectAltName}`)
    },
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({
    ...credentials(frontend),
    port,
    host: '127.0.0.1',
    checkServerIdentity: () => undefined,
  })
  const heard = (await socket.setEncoding('utf8').toArray()).join('')
  server.close()

  expect(heard).toBe('TLSv1.3 URI:spiffe://cluster.local/ns/shop/sa/frontend')
  expect(socket.authorized).toBe(true)
})

function keyIdentifier(text: string, whose: 'Subject' | 'Authority'): string | undefined {
  return new RegExp(`${whose} Key Identifier: *\\n *([0-9A-F:]+)`).exec(text)?.[1]
}
