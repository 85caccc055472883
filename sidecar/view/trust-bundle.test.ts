import { describe, expect, it } from 'vitest'
import { TestPki } from '../testing/pki.ts'
import { parseTrustBundle, sameRoots } from './trust-bundle.ts'

const roots = [new TestPki(), new TestPki()].map(({ root }) => root.certificate)
const pem = roots.map(String)

describe('a trust bundle', () => {
  it.each([
    ['one after another', pem.join('')],
    ['with text between them', `# first\n${pem[0]}\n\n# second\r\n${pem[1]}# end`],
    ['with Windows line ends', pem.join('').replaceAll('\n', '\r\n')],
  ])('holds every root: %s', (_, text) => {
    const bundle = parseTrustBundle('cluster.local', text)
    expect([...bundle.byFingerprint.keys()]).toEqual(roots.map(({ fingerprint256 }) => fingerprint256))
    expect(bundle.roots).toHaveLength(2)
    expect([bundle.trustDomain, bundle.revoked]).toEqual(['cluster.local', new Set()])
  })

  it('is refused whole when its revocation list is bad', () => {
    expect(() => parseTrustBundle('cluster.local', pem[0]!, 'CRL')).toThrow(
      'the trust bundle of cluster.local: it holds no PEM revocation list',
    )
  })

  it.each([
    [pem.join(''), pem.toReversed().join(''), true],
    [pem.join(''), pem[0]!, false],
    [pem[0]!, pem[1]!, false],
  ])('has the same roots as another one, or not: %#', (one, other, same) => {
    const [some, others] = [parseTrustBundle('cluster.local', one), parseTrustBundle('cluster.local', other)]
    expect([sameRoots(some, others), sameRoots(some, { ...some, revoked: new Set(['01']) })]).toEqual([
      same,
      true,
    ])
    expect([sameRoots(undefined, some), sameRoots(undefined, undefined)]).toEqual([false, true])
  })

  it('names the root that is bad by its place', () => {
    const junk = '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'
    expect(() => parseTrustBundle('cluster.local', pem[0] + junk)).toThrow(/certificate 2 .* cluster\.local/)
  })

  it.each(['', 'junk', '-----BEGIN CERTIFICATE-----', pem[0]!.slice(0, 200)])(
    'is none without a whole root: %#',
    (text) => {
      expect(() => parseTrustBundle('cluster.local', text)).toThrow('cluster.local holds no PEM certificate')
    },
  )
})
