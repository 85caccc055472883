import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { StateDirectory } from './state-directory.ts'

/** What is wrong with what the authority had kept, and what to do about it. Nothing is overwritten. */
export class AuthorityStateError extends Error {
  override readonly name = 'AuthorityStateError'
}

export function createKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

/** Reads a P-256 key; undefined when there is no such file. Rejects with AuthorityStateError when it holds no such key. */
export async function readKey(state: StateDirectory, file: string): Promise<KeyObject | undefined> {
  const pem = await state.read(file)
  if (pem === undefined) return undefined
  const key = parseKey(pem)
  if (key) return key
  throw new AuthorityStateError(
    `${state.path}/${file} holds no P-256 private key in PEM: put the right file back, or remove it to have a new one made`,
  )
}

export async function writeKey(state: StateDirectory, file: string, key: KeyObject): Promise<void> {
  await state.write(file, exportKey(key), 0o600)
}

/** PKCS #8 in PEM. */
export function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

/** The private key that a PEM text holds, of whatever kind; undefined when it holds none. */
export function parseAnyKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    return undefined
  }
}

/** The P-256 private key that a PEM text holds; undefined when it holds none. */
export function parseKey(pem: string): KeyObject | undefined {
  const key = parseAnyKey(pem)
  return key?.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined
}
