import { createHash, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import {
  bitString,
  bitsOf,
  type Der,
  decodeDer,
  encodeDer,
  integer,
  itemsOf,
  nothing,
  objectIdentifier,
  sequence,
  set,
  tagged,
  time,
  utf8,
} from './der.ts'

/** An authority's certificate with its key. */
export interface Signer {
  readonly certificate: X509Certificate
  readonly privateKey: KeyObject
  /** The certificates above its own, nearest first, the root last; none where it is the root itself. */
  readonly issuers: readonly X509Certificate[]
}

export interface CertificateFields {
  /** A distinguished name in DER; see `name` and `subjectOf`. */
  readonly subject: Der
  readonly issuer: Der
  /** Milliseconds since 1970; certificates know only whole seconds, the rest is cut off. */
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: KeyObject
  readonly extensions: readonly Der[]
}

/** Builds an X.509 version 3 certificate with a random serial and signs it, with whatever fits the key. */
export function signCertificate(fields: CertificateFields, issuerKey: KeyObject): X509Certificate {
  const { identifier, digest } = signatureAlgorithm(issuerKey)
  const content = sequence(
    tagged(0, integer(Uint8Array.of(2))),
    integer(randomSerial()),
    identifier,
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    publicKeyInfo(fields.publicKey),
    tagged(3, sequence(...fields.extensions)),
  )
  const signature = sign(digest, encodeDer(content), { key: issuerKey, dsaEncoding: 'der' })
  return new X509Certificate(encodeDer(sequence(content, identifier, bitString(signature))))
}

/** How a key signs certificates and revocation lists. */
export interface SignatureAlgorithm {
  readonly digest: 'sha256' | 'sha384' | 'sha512'
  /** The `AlgorithmIdentifier` beside the signature. */
  readonly identifier: Der
}

/** RSA, or ECDSA with a digest as strong as the curve. Throws a TypeError for a key of any other kind. */
export function signatureAlgorithm(key: KeyObject): SignatureAlgorithm {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  switch (type === 'ec' ? details?.namedCurve : type) {
    case 'prime256v1':
      return { digest: 'sha256', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.2')) }
    case 'secp384r1':
      return { digest: 'sha384', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.3')) }
    case 'secp521r1':
      return { digest: 'sha512', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.4')) }
    case 'rsa':
      // Beside RSA the parameters are there, and null (RFC 4055, 5).
      return { digest: 'sha256', identifier: sequence(objectIdentifier('1.2.840.113549.1.1.11'), nothing()) }
    default:
      throw new TypeError('a signer has a key on P-256, P-384 or P-521, or an RSA key')
  }
}

export interface NameParts {
  readonly organization?: string
  readonly commonName?: string
}

/** A distinguished name; without parts it is the empty one of a leaf, whose names are all alternative names. */
export function name({ organization, commonName }: NameParts): Der {
  const attribute = (type: string, value: string | undefined) =>
    value === undefined ? [] : [set(sequence(objectIdentifier(type), utf8(value)))]
  return sequence(...attribute('2.5.4.10', organization), ...attribute('2.5.4.3', commonName))
}

/** The subject of a certificate as it stands, so that those it issues name it byte for byte. */
export function subjectOf(certificate: X509Certificate): Der {
  const subject = itemsOf(itemsOf(decodeDer(certificate.raw))?.[0])?.[5]
  if (!subject) throw new Error('the certificate has no subject: it is not X.509 version 3 in DER')
  return subject
}

/** 160 bits that name a key (RFC 7093, method 1: SHA-256 of the public key, cut). */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const point = bitsOf(itemsOf(publicKeyInfo(publicKey))?.[1])
  if (!point) throw new Error('the key is not a public key of whole bytes')
  return createHash('sha256').update(point).digest().subarray(0, 20)
}

function publicKeyInfo(publicKey: KeyObject): Der {
  const info = decodeDer(publicKey.export({ type: 'spki', format: 'der' }))
  if (!info) throw new Error('the public key could not be read back as DER')
  return info
}

/** 126 random bits in 16 bytes: positive, and of one length without a leading zero. */
function randomSerial(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes
}
