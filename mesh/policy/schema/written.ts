/** What an author would call the value that stands there: "a list", "empty", "the number 5". */
export function kindOf(input: unknown): string {
  if (input === null || input === undefined) return 'empty'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'string') return quote(input)
  if (typeof input === 'number' || typeof input === 'boolean') return `the ${typeof input} ${input}`
  return isMapping(input) ? 'a mapping' : `a ${typeof input}`
}

/** A text as a message shows it: quoted, escaped, at most 80 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text)
}

export function isMapping(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}
