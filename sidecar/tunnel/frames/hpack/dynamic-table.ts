import { type Field, sizeOf } from './static-table.ts'

/** The last fields of a connection, the oldest going first when `limit` bytes are full (RFC 7541, 2.3.2). */
export class DynamicTable {
  /** The oldest first; those before `#oldest` are gone. */
  #entries: Field[] = []
  #oldest = 0
  #size = 0
  #limit: number
  readonly #onEvicted: ((field: Field) => void) | undefined

  constructor(limit: number, onEvicted?: (field: Field) => void) {
    this.#limit = limit
    this.#onEvicted = onEvicted
  }

  get length(): number {
    return this.#entries.length - this.#oldest
  }

  /** In bytes, as RFC 7541 counts them. */
  get size(): number {
    return this.#size
  }

  get limit(): number {
    return this.#limit
  }

  /** The entry that came `age` entries before the newest. */
  get(age: number): Field | undefined {
    return age < this.length ? this.#entries[this.#entries.length - 1 - age] : undefined
  }

  /** Adds an entry; one that is larger than the whole table only empties it. */
  add(field: Field): void {
    const size = sizeOf(field)
    this.#shrinkTo(this.#limit - size)
    if (size > this.#limit) return
    this.#entries.push(field)
    this.#size += size
  }

  resize(limit: number): void {
    this.#limit = limit
    this.#shrinkTo(limit)
  }

  #shrinkTo(size: number): void {
    while (this.#size > size && this.#oldest < this.#entries.length) {
      const field = this.#entries[this.#oldest++]!
      this.#size -= sizeOf(field)
      this.#onEvicted?.(field)
    }
    if (this.#oldest > 64 && this.#oldest * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#oldest)
      this.#oldest = 0
    }
  }
}
