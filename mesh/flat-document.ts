/**
 * A JSON object of strings, which is what a ConfigMap holds and a file can. Undefined for anything else. A value that is
 * no string comes as its JSON, so that its key is still heard of.
 */
export function parseFlatDocument(text: string): Readonly<Record<string, string>> | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const entries = Object.entries(value as Record<string, unknown>)
  return Object.fromEntries(
    entries.map(([key, each]) => [key, typeof each === 'string' ? each : JSON.stringify(each)]),
  )
}

/** One entry a line, sorted, for those who look at the file. */
export function formatFlatDocument(entries: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1))
  return `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`
}
