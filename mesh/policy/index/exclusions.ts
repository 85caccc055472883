import type { Rule } from '../authorization.ts'
import type { ConnectionFacts } from '../decision.ts'
import type { Places, Table } from './table.ts'

/** Lists that are longer are kept as bits as well, so that excluding all of them at once costs little. */
const longList = 64

/** Which of many rules a connection is not excluded from by any value that they except. */
export class Exclusions {
  readonly #count: number
  readonly #tables: readonly Table[]
  readonly #bits = new Map<Places, Uint32Array>()

  /** `tables` are empty, and of the fields that except. */
  constructor(rules: readonly Rule[], tables: readonly Table[]) {
    this.#count = rules.length
    this.#tables = tables
    for (const [place, { clauses }] of rules.entries()) {
      for (const { matches } of clauses) {
        const [match, ...others] = matches
        // Where another match may hold instead, being excepted from one decides nothing.
        if (match && others.length === 0) for (const table of tables) table.file(match, place)
      }
    }
    for (const table of tables) table.settle()
  }

  /** The places of those rules, ascending. */
  *open(facts: ConnectionFacts): Generator<number> {
    const excluded = this.#excluded(facts)
    for (const [word, bits] of excluded.entries()) {
      for (let left = ~bits; left !== 0; left &= left - 1) {
        const place = word * 32 + (31 - Math.clz32(left & -left))
        if (place >= this.#count) return
        yield place
      }
    }
  }

  #excluded(facts: ConnectionFacts): Uint32Array {
    const lists: Places[] = []
    for (const table of this.#tables) table.collect(facts, lists)
    const excluded = this.#noBits()
    for (const places of lists) {
      if (places.length > longList) {
        const bits = this.#bitsOf(places)
        for (let word = 0; word < excluded.length; word++) excluded[word]! |= bits[word]!
      } else set(excluded, places)
    }
    return excluded
  }

  #bitsOf(places: Places): Uint32Array {
    const present = this.#bits.get(places)
    if (present) return present
    const bits = this.#noBits()
    set(bits, places)
    this.#bits.set(places, bits)
    return bits
  }

  #noBits(): Uint32Array {
    return new Uint32Array(Math.ceil(this.#count / 32))
  }
}

function set(bits: Uint32Array, places: Places): void {
  for (const place of places) bits[place >> 5]! |= 1 << (place & 31)
}
