import { sameContent } from './same-content.ts'

/**
 * Values made of an object, kept for as long as that object is: one is made again only when something else that it is
 * made of has changed. Where the objects are new each time it makes everything each time, and is right all the same.
 */
export class Remembered<Key extends object, Value> {
  readonly #made = new WeakMap<Key, { readonly parts: readonly unknown[]; readonly value: Value }>()

  /** `parts` is all that `make` looks at beside the key, plain data each. */
  of(key: Key, parts: readonly unknown[], make: () => Value): Value {
    const known = this.#made.get(key)
    if (known && sameContent(known.parts, parts)) return known.value
    const value = make()
    this.#made.set(key, { parts, value })
    return value
  }
}
