import { createHash } from 'node:crypto'

/** 96 bits of SHA-256 over parts that end with a zero byte each, in base64url. */
export function hash(parts: readonly (string | Uint8Array)[]): string {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part).update('\0')
  return digest.digest('base64url').slice(0, 16)
}
