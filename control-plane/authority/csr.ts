import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { bitsOf, type Der, decodeDer, encodeDer, itemsOf, oneOfIdentifiers, smallIntegerOf } from './der.ts'

/** What a certificate request proves: somebody holds this key. Names in it are never read. */
export type CsrResult =
  | { readonly kind: 'accepted'; readonly publicKey: KeyObject; readonly curve: string }
  | { readonly kind: 'refused'; readonly problem: CsrProblem; readonly detail: string }

export type CsrProblem =
  | 'too_large'
  | 'not_pem'
  | 'not_a_request'
  | 'key_type'
  | 'curve'
  | 'bad_point'
  | 'signature_type'
  | 'bad_signature'

/** Characters of PEM; a P-521 request with every usual attribute is under 2 000. */
export const csrLimit = 8 * 1024

const pem =
  /^\s*-----BEGIN (NEW )?CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END \1CERTIFICATE REQUEST-----\s*$/

const keyTypes = new Map([
  ['1.2.840.10045.2.1', 'EC'],
  ['1.2.840.113549.1.1.1', 'RSA'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
] as const)

interface Curve {
  readonly name: string
  /** Bytes of one coordinate. */
  readonly size: number
}

const curves: ReadonlyMap<string, Curve> = new Map([
  ['1.2.840.10045.3.1.7', { name: 'P-256', size: 32 }],
  ['1.3.132.0.34', { name: 'P-384', size: 48 }],
  ['1.3.132.0.35', { name: 'P-521', size: 66 }],
])

const digests = new Map([
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
])

/** Reads a PKCS #10 request in PEM and verifies that its sender holds the key. Never throws. */
export function parseCsr(text: string): CsrResult {
  if (text.length > csrLimit) return refuse('too_large', `${text.length} characters; at most ${csrLimit}`)
  const body = pem.exec(text)?.[2]
  if (body === undefined) return refuse('not_pem', 'not one PEM block named CERTIFICATE REQUEST')
  const request = readRequest(decodeDer(Buffer.from(body, 'base64')))
  if (!request) return refuse('not_a_request', 'the PEM block does not hold a PKCS #10 request in DER')
  const key = readKey(request.key)
  if (key.kind === 'refused') return key
  const digest = oneOfIdentifiers(request.signatureAlgorithm, digests)
  if (digest === undefined) {
    return refuse('signature_type', 'the signature is not ECDSA with SHA-256, SHA-384 or SHA-512')
  }
  return signed(request, digest, key.publicKey)
    ? key
    : refuse('bad_signature', 'the signature does not fit the key')
}

interface Request {
  /** What the signature covers. */
  readonly information: Der
  readonly key: Der
  readonly signatureAlgorithm: Der
  readonly signature: Buffer
}

function readRequest(der: Der | undefined): Request | undefined {
  const outer = itemsOf(der)
  const inner = itemsOf(outer?.[0])
  const algorithm = itemsOf(outer?.[1])
  const signature = bitsOf(outer?.[2])
  if (outer?.length !== 3 || inner?.length !== 4 || algorithm?.length !== 1 || !signature) return undefined
  if (smallIntegerOf(inner[0]) !== 0 || !itemsOf(inner[1])) return undefined
  return { information: outer[0]!, key: inner[2]!, signatureAlgorithm: algorithm[0]!, signature }
}

/** Only the shape of a good key reaches OpenSSL: no other key type, no explicit curve, no compressed point. */
function readKey(der: Der): CsrResult {
  const [algorithm, point] = itemsOf(der) ?? []
  const [type, parameters] = itemsOf(algorithm) ?? []
  const keyType = oneOfIdentifiers(type, keyTypes)
  if (keyType !== 'EC') {
    return refuse(
      'key_type',
      `the key is ${keyType ?? 'of an unknown type'}; it must be EC on P-256, P-384 or P-521`,
    )
  }
  const curve = oneOfIdentifiers(parameters, curves)
  if (!curve) return refuse('curve', 'the key is on another curve than P-256, P-384 or P-521')
  const bytes = bitsOf(point)
  if (bytes?.length !== 1 + 2 * curve.size || bytes[0] !== 4) {
    return refuse('bad_point', `the key is not an uncompressed point of ${curve.name}`)
  }
  try {
    const publicKey = createPublicKey({ key: encodeDer(der), format: 'der', type: 'spki' })
    return { kind: 'accepted', publicKey, curve: curve.name }
  } catch {
    return refuse('bad_point', `the key is not a point on ${curve.name}`)
  }
}

function signed({ information, signature }: Request, digest: string, key: KeyObject): boolean {
  try {
    return verify(digest, encodeDer(information), { key, dsaEncoding: 'der' }, signature)
  } catch {
    return false
  }
}

function refuse(problem: CsrProblem, detail: string): CsrResult {
  return { kind: 'refused', problem, detail }
}
