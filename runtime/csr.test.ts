import { generateKeyPair, generateKeyPairSync } from 'node:crypto'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { parseCsr } from '#control-plane/authority/csr.ts'
import { hasOpenssl, openssl } from '#control-plane/authority/testing/openssl.ts'
import { createCsr } from './csr.ts'

const p256 = () => promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })

describe('a certificate request', () => {
  it.runIf(hasOpenssl)('is one to openssl, names nobody, and its signature fits', async () => {
    const { privateKey, publicKey } = await p256()
    const files = { csr: createCsr({ privateKey, publicKey }) }
    const told = openssl(['req', '-in', 'csr', '-verify', '-noout', '-text'], files)
    expect(told).toContain('Version: 1 (0x0)')
    expect(told).toMatch(/Subject:\s*\n/)
    expect(told).toContain('NIST CURVE: P-256')
    expect(told).toContain('Signature Algorithm: ecdsa-with-SHA256')
    expect(told).not.toMatch(/X509v3|DNS:|URI:/)
    const key = openssl(['req', '-in', 'csr', '-noout', '-pubkey'], files)
    expect(key).toBe(publicKey.export({ type: 'spki', format: 'pem' }))
  })

  it('is good for every key: the authority takes it in the one encoding that DER permits', async () => {
    const lengths = new Set<number>()
    for (let i = 0; i < 300; i++) {
      const keys = await p256()
      const csr = createCsr(keys)
      const parsed = parseCsr(csr)
      if (parsed.kind === 'refused') throw new Error(parsed.detail)
      expect(parsed.publicKey.equals(keys.publicKey)).toBe(true)
      lengths.add(csr.length)
    }
    // Signatures differ in length, so the lengths around them must have been written anew.
    expect(lengths.size).toBeGreaterThan(1)
  })

  it.each(['P-384', 'P-521'])('has its lengths right for the longer keys of %s too', (namedCurve) => {
    const keys = generateKeyPairSync('ec', { namedCurve })
    expect(parseCsr(createCsr(keys))).toMatchObject({ kind: 'accepted', curve: namedCurve })
  })

  it('is one PEM block of lines of 64 characters', async () => {
    const lines = createCsr(await p256()).split('\n')
    expect([lines[0], ...lines.slice(-2)]).toEqual([
      '-----BEGIN CERTIFICATE REQUEST-----',
      '-----END CERTIFICATE REQUEST-----',
      '',
    ])
    const body = lines.slice(1, -2)
    for (const line of body.slice(0, -1)) expect(line).toMatch(/^[A-Za-z0-9+/]{64}$/)
    expect(body.at(-1)).toMatch(/^[A-Za-z0-9+/]{1,64}={0,2}$/)
  })

  it('never holds the private key', async () => {
    const keys = await p256()
    const der = Buffer.from(createCsr(keys).split('\n').slice(1, -2).join(''), 'base64')
    const { d } = keys.privateKey.export({ format: 'jwk' })
    expect(der.includes(Buffer.from(d!, 'base64url'))).toBe(false)
  })
})
