import { randomBytes } from 'node:crypto'

/** 128 random bits in hexadecimal. */
export function randomNonce(): string {
  return randomBytes(16).toString('hex')
}
