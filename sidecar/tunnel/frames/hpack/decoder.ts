import { BlockReader, compressionFault } from './block-reader.ts'
import { DynamicTable } from './dynamic-table.ts'
import { type Field, sizeOf, staticTable } from './static-table.ts'

/** Decodes the header blocks of one connection, in order (RFC 7541). */
export class HpackDecoder {
  /** The size that was announced to the encoder, in bytes. */
  readonly #tableSize: number
  readonly #listSize: number
  readonly #table: DynamicTable

  /** `listSize` limits a decoded list, counted as SETTINGS_MAX_HEADER_LIST_SIZE counts it. */
  constructor(tableSize: number, listSize: number) {
    this.#tableSize = tableSize
    this.#listSize = listSize
    this.#table = new DynamicTable(tableSize)
  }

  /**
   * The fields of a block; undefined when they are more than the limit, of which nothing is kept, but the table
   * stays in step. Throws a ConnectionFault when the block is malformed: after it nothing can be decoded.
   */
  decode(block: Buffer): Field[] | undefined {
    const reader = new BlockReader(block)
    this.#sizeUpdates(reader)
    const fields: Field[] = []
    let size = 0
    while (!reader.atEnd) {
      const field = this.#field(reader)
      size += sizeOf(field)
      if (size <= this.#listSize) fields.push(field)
    }
    return size <= this.#listSize ? fields : undefined
  }

  /** Changes of the table's size stand before the first field only. */
  #sizeUpdates(reader: BlockReader): void {
    while (!reader.atEnd && (reader.peek() & 0xe0) === 0x20) {
      const size = reader.integer(5)
      if (size > this.#tableSize) throw compressionFault('the table is made larger than was allowed')
      this.#table.resize(size)
    }
  }

  #field(reader: BlockReader): Field {
    const first = reader.peek()
    if (first & 0x80) return this.#entry(reader.integer(7))
    if (first & 0x40) {
      const field = this.#literal(reader, 6)
      this.#table.add(field)
      return field
    }
    if (first & 0x20) throw compressionFault('the table changes its size amid fields')
    return this.#literal(reader, 4)
  }

  #literal(reader: BlockReader, prefix: number): Field {
    const index = reader.integer(prefix)
    const name = index === 0 ? this.#string(reader) : this.#entry(index).name
    return { name, value: this.#string(reader) }
  }

  #string(reader: BlockReader): string {
    if (reader.atEnd) throw compressionFault('a header block is cut off')
    return reader.string()
  }

  #entry(index: number): Field {
    const field =
      index <= staticTable.length ? staticTable[index - 1] : this.#table.get(index - staticTable.length - 1)
    if (!field) throw compressionFault(`there is no entry ${index}`)
    return field
  }
}
