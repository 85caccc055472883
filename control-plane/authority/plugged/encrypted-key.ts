import type { KeyObject } from 'node:crypto'
import { type Der, itemsOf, joinedOctetsOf } from '../der.ts'
import { parsePrivateKeyInfo } from './parts.ts'
import { decrypt } from './pkcs12/decrypt.ts'
import { PluggedCaRefused } from './refusal.ts'

/** Opens an `EncryptedPrivateKeyInfo` (PKCS #8, RFC 5958), in PEM files and in bags alike. Rejects with PluggedCaRefused. */
export async function readEncryptedKey(value: Der | undefined, password: string): Promise<KeyObject> {
  const [algorithm, sealed] = itemsOf(value) ?? []
  const ciphertext = joinedOctetsOf(sealed)
  if (!algorithm || !ciphertext) {
    throw new PluggedCaRefused('the encrypted private key in it cannot be read: export it again')
  }
  return parsePrivateKeyInfo(await decrypt(algorithm, ciphertext, password))
}
