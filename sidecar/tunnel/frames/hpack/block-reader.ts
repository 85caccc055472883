import { ConnectionFault } from '../connection-fault.ts'
import { errorCode } from '../protocol.ts'
import { decodeHuffman } from './huffman.ts'

/** Reads the primitives of a header block (RFC 7541, 5); throws a ConnectionFault where it is malformed. */
export class BlockReader {
  readonly #block: Buffer
  #at = 0

  constructor(block: Buffer) {
    this.#block = block
  }

  get atEnd(): boolean {
    return this.#at >= this.#block.length
  }

  /** The next byte, which stays. */
  peek(): number {
    return this.#block[this.#at]!
  }

  /** An integer of which the first byte holds `prefix` bits. At most 2^28 or so: nothing larger can be meant. */
  integer(prefix: number): number {
    const mask = (1 << prefix) - 1
    let value = this.#byte() & mask
    if (value < mask) return value
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#byte()
      value += (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    throw compressionFault('an integer is too large')
  }

  string(): string {
    const huffman = (this.peek() & 0x80) !== 0
    const length = this.integer(7)
    const end = this.#at + length
    if (end > this.#block.length) throw compressionFault('a string is cut off')
    const start = this.#at
    this.#at = end
    if (!huffman) return this.#block.toString('latin1', start, end)
    const text = decodeHuffman(this.#block.subarray(start, end))
    if (text === undefined) throw compressionFault('a string is not Huffman code')
    return text
  }

  #byte(): number {
    const byte = this.#block[this.#at++]
    if (byte === undefined) throw compressionFault('a header block is cut off')
    return byte
  }
}

export function compressionFault(message: string): ConnectionFault {
  return new ConnectionFault(errorCode.compressionError, message)
}
