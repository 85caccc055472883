/** Bytes that are no DER, or not the DER that was looked for. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

export const tags = {
  integer: 0x02,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const

/** One value: its tag, and the bytes inside it. */
export interface DerValue {
  /** The identifier octet; tags of more than one octet are refused. */
  readonly tag: number
  readonly content: Uint8Array
}

/** Reads DER values one behind the other. Copies nothing and recurses nowhere. */
export class DerReader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#offset >= this.#bytes.length
  }

  /** The tag of the next value; undefined at the end. */
  get tag(): number | undefined {
    return this.#bytes[this.#offset]
  }

  /** The next value, which must have one of these tags when any are given; throws DerError. */
  next(...expected: readonly number[]): DerValue {
    const tag = this.#octet()
    if (expected.length > 0 && !expected.includes(tag)) {
      const wanted = expected.map(hex).join(' or ')
      throw new DerError(`expected a value of tag ${wanted} at byte ${this.#offset - 1}, found ${hex(tag)}`)
    }
    if ((tag & 0x1f) === 0x1f) throw new DerError(`tag ${hex(tag)} is none that is used here`)
    const length = this.#length()
    const end = this.#offset + length
    if (end > this.#bytes.length) throw new DerError(`a value of ${length} bytes is cut short`)
    const content = this.#bytes.subarray(this.#offset, end)
    this.#offset = end
    return { tag, content }
  }

  /** Throws DerError when something is left. */
  end(): void {
    if (!this.done) throw new DerError(`${this.#bytes.length - this.#offset} bytes too many`)
  }

  /** DER has one form for each length: the shortest. */
  #length(): number {
    const first = this.#octet()
    if (first < 0x80) return first
    const count = first & 0x7f
    if (count === 0 || count > 4) throw new DerError(`a length of ${count} octets is none that is used here`)
    let length = 0
    for (let i = 0; i < count; i++) length = length * 256 + this.#octet()
    if (length < 0x80 || length < 256 ** (count - 1)) throw new DerError('a length is longer than it need be')
    return length
  }

  #octet(): number {
    const octet = this.#bytes[this.#offset]
    if (octet === undefined) throw new DerError('a value is cut short')
    this.#offset += 1
    return octet
  }
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`
}
