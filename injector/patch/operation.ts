/** An operation of RFC 6902. */
export type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move'; readonly from: string; readonly path: string }

/** A JSON pointer to where these keys and indices lead. */
export function pointer(...steps: readonly (string | number)[]): string {
  return steps.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** Adds to the end of a list, or begins it where there is none. */
export function append(
  present: readonly unknown[] | null | undefined,
  path: string,
  values: readonly unknown[],
) {
  if (values.length === 0) return []
  // The API server leaves out empty lists; what people write by hand may have them, or null.
  if (!present) return [{ op: 'add', path, value: values } satisfies Operation]
  return values.map((value): Operation => ({ op: 'add', path: `${path}/-`, value }))
}

/** Adds to the front of a list, in the order given, or begins it where there is none. */
export function prepend(
  present: readonly unknown[] | null | undefined,
  path: string,
  values: readonly unknown[],
) {
  if (!present) return [{ op: 'add', path, value: values } satisfies Operation]
  return values.map((value, index): Operation => ({ op: 'add', path: `${path}/${index}`, value }))
}
