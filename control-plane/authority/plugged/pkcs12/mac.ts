import { createHmac, timingSafeEqual } from 'node:crypto'
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

const digests: ReadonlyMap<string, Digest> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])

const digestLengths: Readonly<Record<Digest, number>> = {
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
}

/** Rejects with PluggedCaRefused unless the password vouches for the content by `MacData` (RFC 7292, 4). */
export async function verifyMac(macData: Der | undefined, content: Buffer, password: string): Promise<void> {
  if (!macData) {
    throw new PluggedCaRefused('it has no MAC, so that nothing says whether it is whole: export it with one')
  }
  const [digestInfo, saltPart, iterationsPart] = itemsOf(macData) ?? []
  const [algorithm, expectedPart] = itemsOf(digestInfo) ?? []
  const [identifier] = itemsOf(algorithm) ?? []
  const digest = oneOfIdentifiers(identifier, digests)
  if (!digest) {
    const found = objectIdentifierOf(identifier) ?? 'nothing that has a name'
    throw new PluggedCaRefused(`its MAC is made with ${found}, which weft does not read: ${reencode}`)
  }
  const expected = joinedOctetsOf(expectedPart)
  const salt = joinedOctetsOf(saltPart)
  if (!expected || !salt) throw new PluggedCaRefused('its MAC cannot be read: export it again')
  const iterations = checkIterations(iterationsPart ? integerOf(iterationsPart) : 1)
  const length = digestLengths[digest]
  for (const bytes of passwordsOf(password)) {
    const key = await deriveKey({ digest, purpose: purposes.mac, password: bytes, salt, iterations, length })
    const mac = createHmac(digest, key).update(content).digest()
    if (mac.length === expected.length && timingSafeEqual(mac, expected)) return
  }
  throw new PluggedCaRefused(
    password === ''
      ? 'it is protected by a password, and none was given: name the file that has it'
      : 'the password does not open it: write the one that it was exported with',
  )
}

/** An empty password is written in two ways. */
function passwordsOf(password: string): readonly Buffer[] {
  return password === '' ? [passwordBytes(''), Buffer.alloc(0)] : [passwordBytes(password)]
}
