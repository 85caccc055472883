import { sign } from 'node:crypto'
import { keyIdentifier, type Signer, signatureAlgorithm, subjectOf } from '../certificate.ts'
import { extensionIdentifiers, subjectKeyOf } from '../certificate-extensions.ts'
import {
  bitString,
  type Der,
  encodeDer,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  tagged,
  taggedBytes,
  time,
} from '../der.ts'

/** A certificate that is believed no longer. */
export interface RevokedSerial {
  /** Hexadecimal, whole bytes. */
  readonly serial: string
  /** When that was asked for, in milliseconds since 1970. */
  readonly at: number
}

/**
 * A revocation list of version 2 (RFC 5280, section 5) in PEM. It is numbered by `now`, in milliseconds since 1970, since
 * replicas that share an issuer share no counter; and none follows before what it says changes, so that the next one is
 * due when the issuer itself ends.
 */
export function revocationList(
  { certificate, privateKey }: Signer,
  revoked: readonly RevokedSerial[],
  now: number,
): string {
  const { digest, identifier } = signatureAlgorithm(privateKey)
  const entries = revoked.map(({ serial, at }) => sequence(serialNumber(serial), time(at)))
  const issuerKey = subjectKeyOf(certificate) ?? keyIdentifier(certificate.publicKey)
  const content = sequence(
    integer(Uint8Array.of(1)),
    identifier,
    subjectOf(certificate),
    time(now),
    time(certificate.validToDate.getTime()),
    // An empty list of entries is none at all (5.1.2.6).
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    tagged(
      0,
      sequence(
        extension(extensionIdentifiers.authorityKeyIdentifier, sequence(taggedBytes(0, issuerKey))),
        extension(crlNumber, integer(bytesOf(BigInt(now)))),
      ),
    ),
  )
  const signature = sign(digest, encodeDer(content), { key: privateKey, dsaEncoding: 'der' })
  return pemOf(encodeDer(sequence(content, identifier, bitString(signature))))
}

const crlNumber = '2.5.29.20'

function extension(name: string, value: Der): Der {
  return sequence(objectIdentifier(name), octetString(encodeDer(value)))
}

function serialNumber(hex: string): Der {
  return integer(bytesOf(BigInt(`0x${hex}`)))
}

/** The shortest big-endian bytes of a number that is not negative, its first bit clear. */
function bytesOf(number: bigint): Buffer {
  const digits = number.toString(16)
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
  return bytes[0]! < 0x80 ? bytes : Buffer.concat([Uint8Array.of(0), bytes])
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`
}
