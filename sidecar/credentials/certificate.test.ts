import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Der } from '#control-plane/authority/der.ts'
import { formatSpiffeId, parseSpiffeId } from '#mesh/spiffe-id.ts'
import { identity } from '#mesh/testing/mesh.ts'
import { dns, leafOf, TestPki, uri } from '../testing/pki.ts'
import { identityOf, parseCertificate, parseSubjectAltName } from './certificate.ts'

const pki = new TestPki()
const web = identity('web')
const webUri = formatSpiffeId(web)

function named(...names: readonly Der[]): X509Certificate {
  return leafOf(pki.leaf({ names }).chain)
}

describe('the identity in a certificate', () => {
  it('is its one URI, whatever else it is named', () => {
    expect(identityOf(named(uri(webUri)))).toEqual(web)
    expect(identityOf(named(dns('web.shop.svc'), uri(webUri), dns('web')))).toEqual(web)
  })

  it.each<[string, readonly Der[]]>([
    ['no name', []],
    ['a DNS name alone', [dns('web.shop.svc')]],
    ['two URIs', [uri(webUri), uri(formatSpiffeId(identity('admin')))]],
    ['the same URI twice', [uri(webUri), uri(webUri)]],
    ['a second URI of another scheme', [uri(webUri), uri('https://example.com')]],
    ['another scheme', [uri('https://cluster.local/ns/shop/sa/web')]],
    ['another shape of SPIFFE id', [uri('spiffe://cluster.local/web')]],
    ['a NUL byte', [uri(`${webUri}\0`)]],
    ['a NUL byte and more behind it', [uri(`${webUri}\0.example.com`)]],
    ['a quote', [uri(`${webUri}"`)]],
    ['a whole quoted URI', [uri(`"${webUri}"`)]],
    ['a comma', [uri(`${webUri},`)]],
    ['a backslash', [uri(`${webUri}\\`)]],
    ['a line break', [uri(`${webUri}\n`)]],
    ['a URI that holds another', [uri(`spiffe://x, URI:${webUri}`)]],
    ['a URI that holds another in its middle', [uri(`x, URI:${webUri}, x`)]],
    ['a DNS name that holds a URI at its end', [dns(`x, URI:${webUri}`)]],
    ['a DNS name that holds a URI in its middle', [dns(`x, URI:${webUri}, x`)]],
    ['a DNS name that is a URI', [dns(`URI:${webUri}`)]],
    ['bytes beyond ASCII', [uri(`${webUri}\xe9`)]],
  ])('is none with %s', (_, names) => {
    expect(identityOf(named(...names))).toBeUndefined()
  })

  it('is never one that the certificate does not have as a URI of its own', () => {
    const piece = fc.constantFrom(', ', 'URI:', 'DNS:', webUri, '"', '\\', 'x', '\0', ' ', ',')
    const text = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''))
    const entry = fc.record({ kind: fc.constantFrom('uri', 'dns'), text })
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 3 }), (entries) => {
        const certificate = named(
          ...entries.map(({ kind, text }) => (kind === 'uri' ? uri(text) : dns(text))),
        )
        const uris = entries.filter(({ kind }) => kind === 'uri')
        expect(identityOf(certificate)).toEqual(uris.length === 1 ? parseSpiffeId(uris[0]!.text) : undefined)
      }),
      { numRuns: 300 },
    )
  })

  it('is read from whatever text without an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constant(undefined)), (names) => {
        parseSubjectAltName(names)
      }),
    )
  })
})

describe('an answer of the authority', () => {
  const { key, chain } = pki.leaf({ names: [uri(webUri)] })

  it('becomes a certificate with its chain, without the root', () => {
    const certificate = parseCertificate(key, chain, web)
    const leaf = leafOf(chain)
    expect(certificate).toMatchObject({
      identity: web,
      key,
      serial: leaf.serialNumber,
      notBefore: leaf.validFromDate.getTime(),
      notAfter: leaf.validToDate.getTime(),
    })
    const shown = certificate.chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
    expect(shown?.map((pem) => new X509Certificate(pem).serialNumber)).toEqual([
      leaf.serialNumber,
      pki.issuer.certificate.serialNumber,
    ])
    expect(certificate.intermediates.map(String)).toEqual([pki.issuer.certificate.toString()])
  })

  it.each<[string, readonly string[], string]>([
    ['nothing', [], 'without a certificate'],
    [
      'another service account',
      pki.leaf({ names: [uri(formatSpiffeId(identity('admin')))] }).chain,
      'sa/admin',
    ],
    ['another namespace', pki.leaf({ names: [uri(formatSpiffeId(identity('web', 'pay')))] }).chain, 'ns/pay'],
    [
      'another trust domain',
      pki.leaf({ names: [uri(formatSpiffeId(identity('web', 'shop', 'other.local')))] }).chain,
      'other.local',
    ],
    ['no identity', pki.leaf({ names: [dns('web')] }).chain, 'no single SPIFFE id'],
    ['two identities', pki.leaf({ names: [uri(webUri), uri(webUri)] }).chain, 'no single SPIFFE id'],
    ['another key', pki.leaf({ names: [uri(webUri)] }).chain, 'another key'],
  ])('is refused with a reason when it holds %s', (_, answer, reason) => {
    expect(() => parseCertificate(key, answer, web)).toThrow(reason)
  })

  it('is refused when it is no certificate at all, wherever in it', () => {
    const junk = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    for (const answer of [['junk'], [junk], [chain[0]!, junk], [chain[0]!, '']]) {
      expect(() => parseCertificate(key, answer, web)).toThrow(Error)
    }
  })
})
