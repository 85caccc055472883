/**
 * Whether two values hold the same plain data: primitives, arrays, plain objects, maps, sets and bytes, to any depth.
 * Entries of maps and sets count in their order, since that is how they are encoded. Anything else is the same as
 * itself alone, so that whatever this does not know counts as a change.
 */
export function sameContent(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  const prototype: unknown = Object.getPrototypeOf(a)
  if (prototype !== Object.getPrototypeOf(b)) return false
  if (prototype === Object.prototype) return sameFields(a as Fields, b as Fields)
  if (Array.isArray(a) && Array.isArray(b)) return sameItems(a, b)
  if (a instanceof Map && b instanceof Map) return sameEntries(a, b)
  if (a instanceof Set && b instanceof Set) return a.size === b.size && sameItems([...a], [...b])
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return false
}

type Fields = Readonly<Record<string, unknown>>

function sameFields(a: Fields, b: Fields): boolean {
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  for (const key of keys) if (!Object.hasOwn(b, key) || !sameContent(a[key], b[key])) return false
  return true
}

/** Without a list of either, since tens of thousands of small maps are compared for each model. */
function sameEntries(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  if (a.size !== b.size) return false
  const others = b.entries()
  for (const [key, value] of a) {
    const [otherKey, otherValue] = others.next().value!
    if (!sameContent(key, otherKey) || !sameContent(value, otherValue)) return false
  }
  return true
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!sameContent(a[i], b[i])) return false
  return true
}
