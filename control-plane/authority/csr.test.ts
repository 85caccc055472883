import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csrLimit, parseCsr } from './csr.ts'
import { bitString, encodeDer, objectIdentifier, sequence } from './der.ts'
import { ecKeys, keyInfoOf, makeCsr, pemOf } from './testing/csr.ts'
import { hasOpenssl, openssl } from './testing/openssl.ts'

describe('a good request', () => {
  test.each(['P-256', 'P-384', 'P-521'])('with a key on %s', (curve) => {
    const keys = ecKeys(curve)
    const result = parseCsr(makeCsr({ keys, digest: 'sha384' }))
    expect(result).toMatchObject({ kind: 'accepted', curve })
    expect(result.kind === 'accepted' && result.publicKey.equals(keys.publicKey)).toBe(true)
  })

  test('with white space around it, and Windows line ends', () => {
    expect(parseCsr(`\n ${makeCsr().replaceAll('\n', '\r\n')} \n`).kind).toBe('accepted')
  })

  test('under the older label', () => {
    expect(parseCsr(makeCsr().replaceAll('CERTIFICATE REQ', 'NEW CERTIFICATE REQ')).kind).toBe('accepted')
  })

  test.runIf(hasOpenssl)('as openssl makes it, with subject and alternative names', () => {
    const args = [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'key.pem',
    ]
    const names = [
      '-subj',
      '/O=shop/CN=other',
      '-addext',
      'subjectAltName=URI:spiffe://cluster.local/ns/a/sa/b',
    ]
    expect(parseCsr(openssl([...args, ...names]))).toMatchObject({ kind: 'accepted', curve: 'P-256' })
  })
})

describe('a bad request is a problem with a name', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const keys = ecKeys()
  const info = keyInfoOf(keys.publicKey)
  const ecAlgorithm = (curve: string) =>
    sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier(curve))
  const p256 = '1.2.840.10045.3.1.7'
  const compressed = Buffer.concat([Buffer.of(2), Buffer.alloc(32, 7)])
  const offCurve = Buffer.concat([Buffer.of(4), Buffer.alloc(64, 7)])

  test.each([
    ['empty', '', 'not_pem'],
    ['a token', 'eyJhbGciOiJFUzI1NiJ9.e30.x', 'not_pem'],
    ['too large', 'x'.repeat(csrLimit + 1), 'too_large'],
    ['a certificate', makeCsr().replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'), 'not_pem'],
    ['a private key', String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })), 'not_pem'],
    ['two requests', makeCsr() + makeCsr(), 'not_pem'],
    ['text before it', `Certificate Request:\n${makeCsr()}`, 'not_pem'],
    ['mixed labels', makeCsr().replace('BEGIN CERT', 'BEGIN NEW CERT'), 'not_pem'],
    ['no DER', pemOf(Buffer.from('hello')), 'not_a_request'],
    ['trailing bytes', trailing(makeCsr()), 'not_a_request'],
    ['a key instead of a request', pemOf(encodeDer(info)), 'not_a_request'],
    ['deep nesting', pemOf(nested(1_000)), 'not_a_request'],
    ['version 2', makeCsr({ version: 1 }), 'not_a_request'],
    ['RSA', makeCsr({ keys: rsa }), 'key_type'],
    ['Ed25519', makeCsr({ keys: generateKeyPairSync('ed25519'), digest: null }), 'key_type'],
    ['P-224', makeCsr({ keys: ecKeys('P-224') }), 'curve'],
    ['secp256k1', makeCsr({ keys: ecKeys('secp256k1') }), 'curve'],
    ['explicit curve parameters', makeCsr({ keyInfo: explicitCurve() }), 'curve'],
    [
      'a compressed point',
      makeCsr({ keyInfo: sequence(ecAlgorithm(p256), bitString(compressed)) }),
      'bad_point',
    ],
    [
      'a point off the curve',
      makeCsr({ keyInfo: sequence(ecAlgorithm(p256), bitString(offCurve)) }),
      'bad_point',
    ],
    ['SHA-1', makeCsr({ digest: 'sha1' }), 'signature_type'],
    ["another key's signature", makeCsr({ keys, signer: ecKeys().privateKey }), 'bad_signature'],
  ])('%s', (_, text, problem) => {
    expect(parseCsr(text)).toMatchObject({ kind: 'refused', problem, detail: expect.any(String) })
  })

  test('a subject changed after it was signed', () => {
    const der = bytesOf(makeCsr({ commonName: 'frontend' }))
    der.write('backdoor', der.indexOf('frontend'))
    expect(parseCsr(pemOf(der))).toMatchObject({ kind: 'refused', problem: 'bad_signature' })
  })

  function explicitCurve() {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' }).publicKey
    return keyInfoOf(key)
  }
})

describe('whatever arrives', () => {
  test('any text is answered, never thrown at', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), (text) => parseCsr(text).kind === 'refused'),
    )
  })

  test('any bytes in PEM are answered, never thrown at', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => parseCsr(pemOf(bytes)).kind === 'refused'),
    )
  })

  test('a good request with some bytes changed is refused, or is the same request', () => {
    const good = bytesOf(makeCsr())
    const change = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(good)
        for (const { at, to } of changes) bytes[at] = to
        return parseCsr(pemOf(bytes)).kind === 'refused' || bytes.equals(good)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a good request cut anywhere is refused', () => {
    const good = bytesOf(makeCsr())
    for (let length = 0; length < good.length; length++) {
      expect(parseCsr(pemOf(good.subarray(0, length))).kind).toBe('refused')
    }
  })
})

function bytesOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')
}

function trailing(pem: string): string {
  return pemOf(Buffer.concat([bytesOf(pem), Buffer.of(5, 0)]))
}

function nested(depth: number): Buffer {
  let bytes = Buffer.alloc(0)
  for (let i = 0; i < depth; i++) {
    const length =
      bytes.length < 128 ? Buffer.of(bytes.length) : Buffer.of(0x82, bytes.length >> 8, bytes.length & 0xff)
    bytes = Buffer.concat([Buffer.of(0x30), length, bytes])
  }
  return bytes
}
