import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { name } from '../certificate.ts'
import {
  bitString,
  type Der,
  decodeDer,
  encodeDer,
  integer,
  objectIdentifier,
  sequence,
  tagged,
} from '../der.ts'

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export interface CsrOptions {
  readonly keys?: KeyPair
  /** Signs with another key than the one in the request. */
  readonly signer?: KeyObject
  readonly digest?: 'sha1' | 'sha256' | 'sha384' | 'sha512' | null
  readonly commonName?: string
  readonly version?: number
  /** Replaces the public key's structure. */
  readonly keyInfo?: Der
}

const ecdsaWith = {
  sha1: '1.2.840.10045.4.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}

export function ecKeys(namedCurve = 'P-256'): KeyPair {
  return generateKeyPairSync('ec', { namedCurve })
}

/** A certificate request in PEM, good unless the options make it bad. */
export function makeCsr(options: CsrOptions = {}): string {
  const { keys = ecKeys(), digest = 'sha256', commonName = 'anybody', version = 0 } = options
  const information = sequence(
    integer(Uint8Array.of(version)),
    name({ commonName }),
    options.keyInfo ?? keyInfoOf(keys.publicKey),
    tagged(0),
  )
  const key = options.signer ?? keys.privateKey
  const signature = sign(digest, encodeDer(information), { key, dsaEncoding: 'der' })
  const algorithm = sequence(objectIdentifier(digest === null ? '1.3.101.112' : ecdsaWith[digest]))
  return pemOf(encodeDer(sequence(information, algorithm, bitString(signature))))
}

export function keyInfoOf(publicKey: KeyObject): Der {
  return decodeDer(publicKey.export({ type: 'spki', format: 'der' }))!
}

export function pemOf(der: Uint8Array, label = 'CERTIFICATE REQUEST'): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/(.{64})/g, '$1\n')
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}
