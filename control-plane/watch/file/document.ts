import { isAlias, isMap, isScalar, isSeq, LineCounter, type ParsedNode, parseDocument } from 'yaml'
import type { LocatedProblem, Path } from './problems.ts'

/** A YAML text as plain values, and where each of them is written. */
export interface YamlDocument {
  readonly value: unknown
  locate(path: Path): Position
}

export interface Position {
  /** Both count from 1. */
  readonly line: number
  readonly column: number
}

export type ReadDocument =
  | { readonly document: YamlDocument }
  | { readonly problems: readonly LocatedProblem[] }

/** Characters; a mesh of 10 000 workloads takes about 3 million. */
const sizeLimit = 16 * 1024 * 1024
/** Uses of one anchor that a file can have meant; more is a bomb. */
const aliasLimit = 100

/** Reads one YAML document; duplicate keys, unknown tags and alias bombs are problems. Never throws. */
export function readDocument(text: string): ReadDocument {
  if (text.trim() === '')
    return atStart('the file is empty: write at least mesh: { networks: [10.77.0.0/16] }')
  if (text.length > sizeLimit) return atStart(`the file has ${text.length} characters; at most ${sizeLimit}`)
  try {
    return read(text)
  } catch (error) {
    // Nesting beyond the stack and alias bombs are the two things the parser throws for.
    return atStart(
      error instanceof RangeError ? 'the file is nested too deeply' : `the file ${reason(error)}`,
    )
  }
}

function read(text: string): ReadDocument {
  const lines = new LineCounter()
  const parsed = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // Not silent: that would also pass over a second document.
    logLevel: 'error',
    // 80 and "80" are one key once they are plain values.
    uniqueKeys: (a, b) => isScalar(a) && isScalar(b) && String(a.value) === String(b.value),
  })
  const findings = [...parsed.errors, ...parsed.warnings]
  if (findings.length > 0) {
    const problems = findings.map(({ pos, code, message }) => {
      return { ...position(lines, pos[0]), path: [], message: explain(code, message) }
    })
    return { problems }
  }
  const value: unknown = parsed.toJS({ maxAliasCount: aliasLimit })
  return { document: { value, locate: (path) => position(lines, offsetOf(parsed.contents, path)) } }

  function offsetOf(contents: ParsedNode | null, path: Path): number {
    let offset = contents?.range[0] ?? 0
    let node: unknown = contents
    for (const key of path) {
      if (isAlias(node)) node = node.resolve(parsed)
      const next = step(node, key)
      if (!next) return offset
      ;({ offset = offset, node } = next)
    }
    return offset
  }
}

interface Step {
  readonly offset: number | undefined
  readonly node: unknown
}

/** A field is where its name stands, an item where it begins. */
function step(node: unknown, key: string | number): Step | undefined {
  if (isSeq(node)) {
    const item = typeof key === 'number' ? node.items[key] : undefined
    return item === undefined ? undefined : { offset: startOf(item), node: item }
  }
  if (!isMap(node)) return undefined
  const pair = node.items.find((each) => isScalar(each.key) && String(each.key.value) === String(key))
  return pair && { offset: startOf(pair.key), node: pair.value }
}

function startOf(node: unknown): number | undefined {
  return (node as Partial<ParsedNode> | null)?.range?.[0]
}

function position(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

function explain(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this field is written twice: keep one of them'
    case 'MULTIPLE_DOCS':
      return 'the file holds several documents: write one, without --- between parts'
    default:
      return `this is not YAML: ${message}`
  }
}

function atStart(message: string): ReadDocument {
  return { problems: [{ line: 1, column: 1, path: [], message }] }
}

function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.includes('alias') ? 'uses an anchor too often: write the values out' : `cannot be read: ${text}`
}
