export type Values = Readonly<Record<string, unknown>>

/** Lays values over others, mapping by mapping; lists are replaced whole, and null takes a value away, as in Helm. */
export function mergeValues(base: Values, over: Values): Values {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(base, key) ? base[key] : undefined
    if (value === null) delete merged[key]
    else define(merged, key, isMapping(value) ? mergeValues(isMapping(below) ? below : {}, value) : value)
  }
  return merged
}

/** An own field, also where an assignment would reach the prototype. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
