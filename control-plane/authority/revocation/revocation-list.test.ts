import { createPublicKey, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseRevocations } from '#sidecar/view/revocations.ts'
import { name, type Signer, signCertificate } from '../certificate.ts'
import { authorityExtensions } from '../extensions.ts'
import { createKey } from '../keys.ts'
import { day, hour, start } from '../testing/authority.ts'
import { hasOpenssl, openssl, opensslVerdict } from '../testing/openssl.ts'
import { revocationList } from './revocation-list.ts'

const issuer = authority()
const serials = ['4a0f', '7fffffffffffffffffffffffffffffff', '8000', '00ff']

function authority(): Signer {
  const privateKey = createKey()
  const publicKey = createPublicKey(privateKey)
  const subject = name({ organization: 'cluster.local', commonName: 'weft issuer' })
  const fields = {
    subject,
    issuer: subject,
    notBefore: start - hour,
    notAfter: start + 30 * day,
    publicKey,
    extensions: authorityExtensions(publicKey, publicKey, 0, 'spiffe://cluster.local'),
  }
  return { certificate: signCertificate(fields, privateKey), privateKey, issuers: [] }
}

function list(of: readonly string[] = serials): string {
  const revoked = of.map((serial) => ({ serial, at: start - hour }))
  return revocationList(issuer, revoked, start)
}

describe('a revocation list', () => {
  test('names serials as sidecars read them', () => {
    const hex = fc.bigInt({ min: 1n, max: 2n ** 159n }).map((number) => number.toString(16))
    fc.assert(
      fc.property(fc.array(hex), (asked) => {
        const expected = asked.map((serial) => serial.padStart(serial.length + (serial.length % 2), '0'))
        expect(parseRevocations(list(asked))).toEqual(new Set(expected.map((serial) => serial.toUpperCase())))
      }),
      { numRuns: 30 },
    )
  })

  test.runIf(hasOpenssl)('is signed by its issuer, and by no other', () => {
    const verify = ['crl', '-in', 'crl.pem', '-noout', '-verify', '-CAfile', 'issuer.pem']
    const by = ({ certificate }: Signer) => ({ 'crl.pem': list(), 'issuer.pem': certificate.toString() })
    expect(opensslVerdict(verify, by(issuer))).toContain('verify OK')
    expect(opensslVerdict(verify, by(authority()))).toContain('verify failure')
  })

  test.runIf(hasOpenssl)('is a whole one for openssl', () => {
    const text = openssl(['crl', '-in', 'crl.pem', '-noout', '-text'], { 'crl.pem': list() })
    expect(text).toContain('Version 2 (0x1)')
    expect(text).toMatch(/Issuer: O ?= ?cluster\.local, CN ?= ?weft issuer/)
    expect(text).toContain('Last Update: Nov 21 12:00:00 2026 GMT')
    expect(text).toContain('Next Update: Dec 21 12:00:00 2026 GMT')
    // Versions write it in decimal or in hexadecimal.
    expect(text).toMatch(new RegExp(`X509v3 CRL Number:\\s+(${start}|0x0?${start.toString(16)})\\s`, 'i'))
    expect(text.match(/Serial Number: \S+/g)).toEqual(
      ['4A0F', '7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF', '8000', 'FF'].map((serial) => `Serial Number: ${serial}`),
    )
    expect(text).toContain('Revocation Date: Nov 21 11:00:00 2026 GMT')
  })

  test.runIf(hasOpenssl)('keeps openssl from believing a certificate', () => {
    const privateKey = createKey()
    const publicKey = createPublicKey(privateKey)
    const leaf = signCertificate(
      {
        subject: name({ commonName: 'leaf' }),
        issuer: name({ organization: 'cluster.local', commonName: 'weft issuer' }),
        notBefore: start - hour,
        notAfter: start + day,
        publicKey,
        extensions: [],
      },
      issuer.privateKey,
    )
    const verify = (crl: string) =>
      openssl(
        [
          'verify',
          '-attime',
          String(start / 1_000),
          '-crl_check',
          '-CRLfile',
          'crl.pem',
          '-CAfile',
          'ca.pem',
          'leaf.pem',
        ],
        { 'crl.pem': crl, 'ca.pem': issuer.certificate.toString(), 'leaf.pem': leaf.toString() },
      )
    expect(verify(list(['01']))).toContain('leaf.pem: OK')
    expect(() => verify(list([new X509Certificate(leaf.toString()).serialNumber]))).toThrow(
      'certificate revoked',
    )
  })

  test('may be empty', () => {
    expect(parseRevocations(list([]))).toEqual(new Set())
  })
})
