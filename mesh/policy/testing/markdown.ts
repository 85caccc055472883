/** A table of a Markdown document, and what stands above it. */
export interface MarkdownTable {
  /** The headings that it stands under, the outermost first. */
  readonly headings: readonly string[]
  /** The YAML between the last heading and the table; empty where there is none. */
  readonly yaml: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Every table, in order. Cells are trimmed; none contains a bar. */
export function tablesOf(markdown: string): MarkdownTable[] {
  const tables: MarkdownTable[] = []
  const headings: string[] = []
  let yaml: string[] = []
  let fence: string | undefined
  let rows: string[][] = []
  const closeTable = (): void => {
    const [head, , ...body] = rows
    if (head) tables.push({ headings: headings.filter(Boolean), yaml: yaml.join('\n'), head, rows: body })
    rows = []
  }
  for (const line of markdown.split('\n')) {
    const heading = /^(#+) (.*)$/.exec(line)
    if (fence !== undefined) {
      if (line === '```') fence = undefined
      else if (fence === 'yaml') yaml.push(line)
    } else if (line.startsWith('```')) fence = line.slice(3)
    else if (line.startsWith('|')) rows.push(cellsOf(line))
    else if (heading) {
      closeTable()
      headings.splice(heading[1]!.length - 1, headings.length, heading[2]!)
      yaml = []
    } else closeTable()
  }
  closeTable()
  return tables
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim())
}
