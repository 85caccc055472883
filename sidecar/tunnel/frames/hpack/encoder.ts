import { DynamicTable } from './dynamic-table.ts'
import { type Field, sizeOf, staticTable } from './static-table.ts'

/** Bytes of the dynamic table at most, however much the peer would keep. */
const largestTable = 4_096

const staticFields = new Map(staticTable.map((field, i) => [keyOf(field), i + 1]))
/** The first index of each name. */
const staticNames = new Map(staticTable.map(({ name }, i): [string, number] => [name, i + 1]).toReversed())

/**
 * Encodes header lists of one connection. Every field goes to the dynamic table, since a tunnel asks for the same
 * few destinations over and over: from the second time on, a request is a few bytes. Nothing is Huffman-coded.
 */
export class HpackEncoder {
  /** When each field that the table holds was added, counted from 1. */
  readonly #known = new Map<string, number>()
  readonly #table = new DynamicTable(largestTable, (field) => this.#forget(field))
  #added = 0
  /** Sizes of the table that the peer has not been told of: the smallest meanwhile, and the last. */
  #sizeUpdates: number[] = []

  /** Follows the peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerTableSize(size: number): void {
    const limit = Math.min(size, largestTable)
    if (limit === this.#table.limit) return
    this.#table.resize(limit)
    this.#sizeUpdates = [Math.min(limit, ...this.#sizeUpdates), limit]
  }

  encode(fields: readonly Field[]): Buffer {
    const out: number[] = []
    for (const size of new Set(this.#sizeUpdates)) pushInteger(out, 0x20, 5, size)
    this.#sizeUpdates = []
    for (const field of fields) this.#field(out, field)
    return Buffer.from(out)
  }

  #field(out: number[], field: Field): void {
    const key = keyOf(field)
    const index = staticFields.get(key) ?? this.#indexOf(key)
    if (index !== undefined) return pushInteger(out, 0x80, 7, index)
    const kept = sizeOf(field) <= this.#table.limit
    const name = staticNames.get(field.name) ?? 0
    if (kept) pushInteger(out, 0x40, 6, name)
    else pushInteger(out, 0, 4, name)
    if (name === 0) pushString(out, field.name)
    pushString(out, field.value)
    if (!kept) return
    this.#table.add(field)
    this.#known.set(key, ++this.#added)
  }

  #indexOf(key: string): number | undefined {
    const added = this.#known.get(key)
    return added === undefined ? undefined : staticTable.length + 1 + this.#added - added
  }

  #forget(field: Field): void {
    this.#known.delete(keyOf(field))
  }
}

function keyOf({ name, value }: Field): string {
  return `${name}\0${value}`
}

function pushInteger(out: number[], pattern: number, prefix: number, value: number): void {
  const mask = (1 << prefix) - 1
  if (value < mask) {
    out.push(pattern | value)
    return
  }
  out.push(pattern | mask)
  let rest = value - mask
  for (; rest >= 0x80; rest >>>= 7) out.push((rest & 0x7f) | 0x80)
  out.push(rest)
}

function pushString(out: number[], text: string): void {
  pushInteger(out, 0, 7, text.length)
  for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i) & 0xff)
}
