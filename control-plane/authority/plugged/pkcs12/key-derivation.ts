import { hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

export type Digest = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512'

/** What a derived key is for. */
export const purposes = { key: 1, initializationVector: 2, mac: 3 } as const

export interface Derivation {
  readonly digest: Digest
  readonly purpose: (typeof purposes)[keyof typeof purposes]
  /** See `passwordBytes`. */
  readonly password: Uint8Array
  readonly salt: Uint8Array
  readonly iterations: number
  /** Bytes. */
  readonly length: number
}

/** Rounds between pauses; a few milliseconds, in which nobody else is served. */
const rounds = 5_000

/** Derives a key from a password as PKCS #12 does (RFC 7292, appendix B.2), which Node has no function for. */
export async function deriveKey(derivation: Derivation): Promise<Buffer> {
  const { digest, purpose, password, salt, iterations, length } = derivation
  const block = digest === 'sha384' || digest === 'sha512' ? 128 : 64
  const diversifier = Buffer.alloc(block, purpose)
  let input = Buffer.concat([repeated(salt, block), repeated(password, block)])
  let derived = Buffer.alloc(0)
  while (derived.length < length) {
    let output = hash(digest, Buffer.concat([diversifier, input]), 'buffer')
    for (let round = 1; round < iterations; round++) {
      output = hash(digest, output, 'buffer')
      if (round % rounds === 0) await setImmediate()
    }
    derived = Buffer.concat([derived, output])
    input = advanced(input, Buffer.alloc(block, output))
  }
  return derived.subarray(0, length)
}

/** A password as the derivation takes it: UTF-16, high byte first, with a zero at its end. */
export function passwordBytes(password: string): Buffer {
  return Buffer.from(`${password}\0`, 'utf16le').swap16()
}

/** Copies of some bytes, as many as fill whole blocks; nothing stays nothing. */
function repeated(bytes: Uint8Array, block: number): Buffer {
  const length = block * Math.ceil(bytes.length / block)
  return length === 0 ? Buffer.alloc(0) : Buffer.alloc(length, bytes)
}

/** Adds `step` and one to each block of the input, which are numbers of the same length. */
function advanced(input: Buffer, step: Buffer): Buffer<ArrayBuffer> {
  const next = Buffer.from(input)
  for (let end = next.length; end > 0; end -= step.length) {
    let carry = 1
    for (let i = 1; i <= step.length; i++) {
      carry += next[end - i]! + step[step.length - i]!
      next[end - i] = carry & 0xff
      carry >>= 8
    }
  }
  return next
}
