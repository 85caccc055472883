import { sign } from 'node:crypto'
import type { Signer } from '#control-plane/authority/certificate.ts'
import { subjectOf } from '#control-plane/authority/certificate.ts'
import {
  bitString,
  encodeDer,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  tagged,
  time,
} from '#control-plane/authority/der.ts'

export interface RevocationListOptions {
  /** Whether it says when the next one is due. */
  readonly nextUpdate?: boolean
  /** Whether entries and list carry extensions, which make it one of version 2. */
  readonly extensions?: boolean
}

/** A revocation list of an issuer in PEM; serials as bytes in network order, with the sign of DER. */
export function revocationList(
  { certificate, privateKey }: Signer,
  serials: readonly Uint8Array[],
  { nextUpdate = true, extensions = true }: RevocationListOptions = {},
): string {
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
  const now = time(Date.now())
  const reason = sequence(sequence(objectIdentifier('2.5.29.21'), octetString(Buffer.from([0x0a, 1, 1]))))
  const entries = serials.map((serial) => sequence(integer(serial), now, ...(extensions ? [reason] : [])))
  const number = sequence(sequence(objectIdentifier('2.5.29.20'), octetString(Buffer.from([0x02, 1, 7]))))
  const list = sequence(
    ...(extensions ? [integer(Uint8Array.of(1))] : []),
    algorithm,
    subjectOf(certificate),
    now,
    ...(nextUpdate ? [time(Date.UTC(2055, 0))] : []),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    ...(extensions ? [tagged(0, number)] : []),
  )
  const signature = bitString(sign('sha256', encodeDer(list), privateKey))
  const base64 = encodeDer(sequence(list, algorithm, signature)).toString('base64')
  return `-----BEGIN X509 CRL-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`
}

/** A serial of X509Certificate's as the bytes that a certificate has. */
export function serialBytes(serial: string): Uint8Array {
  const bytes = Buffer.from(serial, 'hex')
  return bytes[0]! < 0x80 ? bytes : Buffer.concat([Uint8Array.of(0), bytes])
}
