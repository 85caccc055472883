import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { spiffeId } from '#mesh/spiffe-id.ts'
import { keyIdentifier, name, type Signer, signatureAlgorithm, signCertificate } from './certificate.ts'
import { issuerKeyOf, subjectKeyOf } from './certificate-extensions.ts'
import { authorityExtensions } from './extensions.ts'
import { issue } from './issue.ts'
import { createKey } from './keys.ts'
import { day, hour, start } from './testing/authority.ts'
import { hasOpenssl, openssl } from './testing/openssl.ts'

const keys: readonly (readonly [string, string, () => KeyObject])[] = [
  ['P-256', 'ecdsa-with-SHA256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['P-384', 'ecdsa-with-SHA384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['P-521', 'ecdsa-with-SHA512', () => generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey],
  [
    'RSA-2048',
    'sha256WithRSAEncryption',
    () => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey,
  ],
]

/** An authority under another one, or a root. */
function authority(label: string, privateKey: KeyObject, above?: Signer, days = 30): Signer {
  const publicKey = createPublicKey(privateKey)
  const subject = name({ commonName: label })
  const issuer = above ?? { privateKey, certificate: undefined, issuers: [] }
  const fields = {
    subject,
    issuer: above ? name({ commonName: above.certificate.subject.replace('CN=', '') }) : subject,
    notBefore: start - hour,
    notAfter: start + days * day,
    publicKey,
    extensions: authorityExtensions(
      publicKey,
      createPublicKey(issuer.privateKey),
      1,
      'spiffe://cluster.local',
    ),
  }
  const issuers = above ? [above.certificate, ...above.issuers] : []
  return { certificate: signCertificate(fields, issuer.privateKey), privateKey, issuers }
}

function leafOf(signer: Signer, lifetime = day) {
  const identity = spiffeId('cluster.local', 'shop', 'frontend')!
  return issue({ identity, publicKey: createPublicKey(createKey()), lifetime, now: start }, signer)
}

describe.each(keys)('an authority with a key on %s', (_, algorithm, create) => {
  const root = authority('root', createKey())
  const issuer = authority('issuer', create(), root)

  test('signs what its key verifies, and says how', () => {
    const { certificate } = leafOf(issuer)
    expect(certificate.verify(issuer.certificate.publicKey)).toBe(true)
    expect(certificate.checkIssued(issuer.certificate)).toBe(true)
    expect(issuerKeyOf(certificate)).toEqual(subjectKeyOf(issuer.certificate))
  })

  test.runIf(hasOpenssl)('is believed by openssl', () => {
    const [leaf, ...authorities] = leafOf(issuer).chain
    const files = { root: root.certificate.toString(), between: authorities.join(''), leaf }
    expect(openssl(['x509', '-in', 'leaf', '-noout', '-text'], files)).toContain(
      `Signature Algorithm: ${algorithm}`,
    )
    const args = ['verify', '-x509_strict', '-attime', String(start / 1_000 + 60)]
    expect(openssl([...args, '-CAfile', 'root', '-untrusted', 'between', 'leaf'], files)).toBe('leaf: OK\n')
  })
})

test.each([
  ['Ed25519', generateKeyPairSync('ed25519').privateKey],
  ['another curve', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey],
])('%s is no signer’s key', (_, key) => {
  expect(() => signatureAlgorithm(key)).toThrow('P-256, P-384 or P-521, or an RSA key')
})

describe('under several authorities', () => {
  const root = authority('root', createKey())
  const policy = authority('policy', createKey(), root)
  const issuer = authority('issuer', createKey(), policy)

  test('a chain has everything below the root, nearest first', () => {
    const subjects = leafOf(issuer).chain.map((pem) => new X509Certificate(pem).subject)
    expect(subjects).toEqual([undefined, 'CN=issuer', 'CN=policy'])
    expect(leafOf(root).chain).toHaveLength(1)
  })

  test('a leaf outlives none of them', () => {
    const short = authority('policy', createKey(), root, 2)
    const long = authority('issuer', createKey(), short)
    expect(leafOf(long, 3 * day).notAfter).toBe(start + 2 * day)
    expect(
      leafOf(authority('issuer', createKey(), authority('root', createKey(), undefined, 1)), 3 * day)
        .notAfter,
    ).toBe(start + day)
  })
})

test('names a key as the certificate does that holds it, whatever the way it was made', () => {
  const publicKey = createPublicKey(createKey())
  const signer = authority('root', createKey())
  const { certificate } = issue(
    { identity: spiffeId('cluster.local', 'shop', 'frontend')!, publicKey, lifetime: hour, now: start },
    signer,
  )
  expect(subjectKeyOf(certificate)).toEqual(keyIdentifier(publicKey))
  expect(issuerKeyOf(certificate)).toEqual(subjectKeyOf(signer.certificate))
})
