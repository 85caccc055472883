import { createDecipheriv, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import {
  type Der,
  integerOf,
  itemsOf,
  joinedOctetsOf,
  objectIdentifierOf,
  oneOfIdentifiers,
} from '../../der.ts'
import { PluggedCaRefused } from '../refusal.ts'
import { type Digest, deriveKey, passwordBytes, purposes } from './key-derivation.ts'
import { checkIterations, reencode } from './limits.ts'

/**
 * Decrypts what a password protects, by the `AlgorithmIdentifier` beside it: PBES2 with PBKDF2 and AES or triple DES, and
 * the triple DES of older PKCS #12 files. Rejects with PluggedCaRefused for anything else, and for another password.
 */
export async function decrypt(algorithm: Der, content: Uint8Array, password: string): Promise<Buffer> {
  const [scheme, parameters] = itemsOf(algorithm) ?? []
  const identifier = objectIdentifierOf(scheme)
  const { cipher, key, iv } = await keyFor(identifier, itemsOf(parameters) ?? [], password)
  try {
    const decipher = createDecipheriv(cipher, key, iv)
    return Buffer.concat([decipher.update(content), decipher.final()])
  } catch {
    throw new PluggedCaRefused('the password does not open it: write the one that it was exported with')
  }
}

interface CipherKey {
  readonly cipher: string
  readonly key: Buffer
  readonly iv: Buffer
}

const pbes2 = '1.2.840.113549.1.5.13'
const pbeWithSha1AndTripleDes = '1.2.840.113549.1.12.1.3'
const pbkdf2Identifier = '1.2.840.113549.1.5.12'

const ciphers = new Map([
  ['2.16.840.1.101.3.4.1.2', { cipher: 'aes-128-cbc', keyLength: 16, ivLength: 16 }],
  ['2.16.840.1.101.3.4.1.22', { cipher: 'aes-192-cbc', keyLength: 24, ivLength: 16 }],
  ['2.16.840.1.101.3.4.1.42', { cipher: 'aes-256-cbc', keyLength: 32, ivLength: 16 }],
  ['1.2.840.113549.3.7', { cipher: 'des-ede3-cbc', keyLength: 24, ivLength: 8 }],
])

const pseudoRandomFunctions: ReadonlyMap<string, Digest> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
])

function keyFor(
  identifier: string | undefined,
  parameters: readonly Der[],
  password: string,
): Promise<CipherKey> {
  switch (identifier) {
    case pbes2:
      return fromPbkdf2(parameters, password)
    case pbeWithSha1AndTripleDes:
      return fromPkcs12(parameters, password)
    default:
      throw unsupported(identifier)
  }
}

async function fromPbkdf2(parameters: readonly Der[], password: string): Promise<CipherKey> {
  const [derivation, derivationParameters] = itemsOf(parameters[0]) ?? []
  const [cipherIdentifier, cipherParameters] = itemsOf(parameters[1]) ?? []
  if (objectIdentifierOf(derivation) !== pbkdf2Identifier) throw unsupported(objectIdentifierOf(derivation))
  const known = oneOfIdentifiers(cipherIdentifier, ciphers)
  if (!known) throw unsupported(objectIdentifierOf(cipherIdentifier))
  const [saltPart, iterationsPart, ...rest] = itemsOf(derivationParameters) ?? []
  // The key's length may stand between the two; it is the cipher's own anyhow.
  const named = rest.map(itemsOf).find((part) => part !== undefined)?.[0]
  const digest = named ? oneOfIdentifiers(named, pseudoRandomFunctions) : 'sha1'
  if (!digest) throw unsupported(objectIdentifierOf(named))
  const salt = joinedOctetsOf(saltPart)
  const iv = joinedOctetsOf(cipherParameters)
  if (!salt || iv?.length !== known.ivLength) throw damaged()
  const iterations = checkIterations(integerOf(iterationsPart))
  const key = await promisify(pbkdf2)(password, salt, iterations, known.keyLength, digest)
  return { cipher: known.cipher, key, iv }
}

async function fromPkcs12(parameters: readonly Der[], password: string): Promise<CipherKey> {
  const salt = joinedOctetsOf(parameters[0])
  if (!salt) throw damaged()
  const iterations = checkIterations(integerOf(parameters[1]))
  const common = { digest: 'sha1', password: passwordBytes(password), salt, iterations } as const
  const key = await deriveKey({ ...common, purpose: purposes.key, length: 24 })
  const iv = await deriveKey({ ...common, purpose: purposes.initializationVector, length: 8 })
  return { cipher: 'des-ede3-cbc', key, iv }
}

function unsupported(identifier: string | undefined): PluggedCaRefused {
  const what = oldNames.get(identifier ?? '') ?? identifier ?? 'nothing that has a name'
  return new PluggedCaRefused(`it is encrypted with ${what}, which weft does not read: ${reencode}`)
}

const oldNames = new Map([
  ['1.2.840.113549.1.12.1.5', '128-bit RC2'],
  ['1.2.840.113549.1.12.1.6', '40-bit RC2'],
  ['1.2.840.113549.1.12.1.1', '128-bit RC4'],
  ['1.2.840.113549.1.12.1.2', '40-bit RC4'],
  ['1.3.6.1.4.1.11591.4.11', 'a key of scrypt'],
])

function damaged(): PluggedCaRefused {
  return new PluggedCaRefused('the parameters of its encryption cannot be read: export it again')
}
