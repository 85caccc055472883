import type { Random } from './random.ts'

/** Inputs are no longer than this, in bytes. */
const longest = 128 * 1024
const extremes = [0, 1, 0x7f, 0x80, 0xff] as const

export interface Material {
  /** Other inputs, to take pieces of. */
  readonly others: readonly Buffer[]
  /** What means something to the target. */
  readonly words: readonly Buffer[]
}

/** A few changes of an input: bits, bytes, lengths, pieces of others, words that mean something. */
export function mutate(input: Buffer, random: Random, material: Material): Buffer {
  let changed: Buffer = Buffer.from(input)
  for (let left = 1 + random.below(4); left > 0; left--) changed = change(changed, random, material)
  return changed.subarray(0, longest)
}

function change(input: Buffer, random: Random, { others, words }: Material): Buffer {
  const at = random.below(input.length + 1)
  const length = 1 + random.below(Math.min(input.length - at, 64) + 1)
  switch (random.below(9)) {
    case 0:
      if (at < input.length) input[at]! ^= 1 << random.below(8)
      return input
    case 1:
      if (at < input.length) input[at] = random.of(extremes)!
      return input
    case 2:
      if (at < input.length) input[at] = input[at]! + (random.below(2) === 0 ? 1 : 255)
      return input
    case 3:
      return splice(input, at, length, Buffer.alloc(0))
    case 4:
      return splice(input, at, 0, random.bytes(random.below(16)))
    case 5:
      return splice(input, at, 0, input.subarray(at, at + length))
    case 6: {
      const other = random.of(others) ?? input
      const from = random.below(other.length + 1)
      return splice(input, at, length, other.subarray(from, from + 1 + random.below(256)))
    }
    case 7:
      return splice(input, at, random.below(2) * length, random.of(words) ?? random.bytes(4))
    default:
      // Far more of the same than anybody sends.
      return splice(input, at, 0, repeated(input.subarray(at, at + length), random.below(1_000)))
  }
}

function repeated(piece: Buffer, times: number): Buffer {
  return Buffer.alloc(Math.min(piece.length * times, longest), piece.length > 0 ? piece : 'x')
}

function splice(input: Buffer, at: number, deleted: number, inserted: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, at), inserted, input.subarray(at + deleted)])
}
