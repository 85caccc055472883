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
  const quoted = JSON.stringify(text.length > 80 ? `${text.slice(0, 79)}…` : text)
  // JSON leaves DEL and the second set of control characters as they are, and a terminal obeys some of those.
  return quoted.replace(/[\u007f-\u009f]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
}

export function isMapping(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}
