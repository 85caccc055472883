/** Why a resource was refused; its message names the field. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

/** An enum value by its wire number. Unknown numbers are refused: a guess could open what should be shut. */
export function oneOf<T>(field: string, value: number, values: Readonly<Record<number, T>>): T {
  const known = values[value]
  if (known === undefined) throw new DecodeError(`${field}: this weft does not know the value ${value}`)
  return known
}
