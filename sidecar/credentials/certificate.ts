import { createPrivateKey, X509Certificate } from 'node:crypto'
import { parseSpiffeId, type SpiffeId } from '#mesh/spiffe-id.ts'

/** This pod's certificate with its key. The key exists in memory only. */
export interface Certificate {
  readonly identity: SpiffeId
  /** PEM, PKCS#8. */
  readonly key: string
  /** PEM, leaf first, then intermediates. */
  readonly chain: string
  readonly intermediates: readonly X509Certificate[]
  /** Hexadecimal. */
  readonly serial: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
}

/** Puts an answer of the authority together; throws an Error that names what is wrong with it. */
export function parseCertificate(key: string, chain: readonly string[], expected: SpiffeId): Certificate {
  const [leafPem, ...rest] = chain
  if (leafPem === undefined) throw new Error('the authority answered without a certificate')
  const leaf = new X509Certificate(leafPem)
  const identity = identityOf(leaf)
  if (!identity)
    throw new Error(`the certificate names "${leaf.subjectAltName}", which is no single SPIFFE id`)
  if (JSON.stringify(identity) !== JSON.stringify(expected)) {
    throw new Error(`the certificate is for ${leaf.subjectAltName}, not for this pod's own identity`)
  }
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new Error('the certificate is for another key than the one in the request')
  }
  // Roots travel last in the answer; presenting them to peers would only make handshakes longer.
  const intermediates = rest
    .map((pem) => new X509Certificate(pem))
    .filter((certificate) => certificate.subject !== certificate.issuer)
  return {
    identity,
    key,
    chain: [leafPem, ...intermediates.map(String)].join('\n'),
    intermediates,
    serial: leaf.serialNumber,
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  }
}

/** The identity in a certificate: exactly one URI SAN that is a SPIFFE id; undefined otherwise. */
export function identityOf(certificate: {
  readonly subjectAltName: string | undefined
}): SpiffeId | undefined {
  return parseSubjectAltName(certificate.subjectAltName)
}

/**
 * Node quotes names that hold commas, quotes or control characters, so a name that tries to smuggle a second one
 * leaves a quote behind, which no SPIFFE id has.
 */
export function parseSubjectAltName(names: string | undefined): SpiffeId | undefined {
  const uris = (names ?? '').split(', ').filter((name) => name.startsWith('URI:'))
  return uris.length === 1 ? parseSpiffeId(uris[0]!.slice('URI:'.length)) : undefined
}
