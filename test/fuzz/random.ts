/** Numbers that a seed decides, so that what was found can be found again. */
export class Random {
  #state: number

  /** `seed` is a whole number from 0 to 2^32 - 1. */
  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    // A linear congruential step, its high bits stirred into the low ones (after PCG).
    this.#state = (Math.imul(this.#state, 747_796_405) + 2_891_336_453) >>> 0
    const word = Math.imul(((this.#state >>> ((this.#state >>> 28) + 4)) ^ this.#state) >>> 0, 277_803_737)
    return (((word >>> 22) ^ word) >>> 0) % limit
  }

  /** One of several; undefined of none. */
  of<T>(items: readonly T[]): T | undefined {
    return items[this.below(Math.max(items.length, 1))]
  }

  bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => this.below(256)))
  }
}
