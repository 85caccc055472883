import { ChartMistake } from './mistake.ts'

/** What an action computes. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  /** `.a.b`, `$.a`, `$name.a`; the name is `.` or begins with `$`. */
  | { readonly kind: 'path'; readonly from: string; readonly keys: readonly string[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }

const word = /\s*(?:("(?:[^"\\]|\\.)*")|(-?\d+)(?![\w.])|((?:\$\w*)?(?:\.\w+)+|\$\w*|\.)|(\w+)|([()|]))/y

/** Parses a pipeline such as `include "x" . | nindent 4`. */
export function parseExpression(source: string): Expression {
  const words = split(source)
  const expression = pipeline(words, source)
  if (words.length > 0) throw new ChartMistake(`{{ ${source} }}: what is ${words[0]} doing there?`)
  return expression
}

function split(source: string): string[] {
  const words: string[] = []
  word.lastIndex = 0
  while (word.lastIndex < source.trimEnd().length) {
    const from = word.lastIndex
    const match = word.exec(source)
    if (!match) throw new ChartMistake(`{{ ${source} }}: cannot read ${source.slice(from).trim()}`)
    words.push(match[0].trim())
  }
  return words
}

/** Each step takes the one before it as its last argument. */
function pipeline(words: string[], source: string): Expression {
  let left = command(words, source)
  while (words[0] === '|') {
    words.shift()
    const step = command(words, source)
    if (step.kind !== 'call') throw new ChartMistake(`{{ ${source} }}: after | a function must stand`)
    left = { ...step, args: [...step.args, left] }
  }
  return left
}

function command(words: string[], source: string): Expression {
  const first = operand(words, source)
  if (first.kind !== 'call' || first.args.length > 0) return first
  const args: Expression[] = []
  while (words.length > 0 && words[0] !== '|' && words[0] !== ')') args.push(operand(words, source))
  return { ...first, args }
}

function operand(words: string[], source: string): Expression {
  const next = words.shift()
  if (next === undefined) throw new ChartMistake(`{{ ${source} }}: something is missing`)
  if (next === '(') {
    const inner = pipeline(words, source)
    if (words.shift() !== ')') throw new ChartMistake(`{{ ${source} }}: a ) is missing`)
    return inner
  }
  if (next.startsWith('"')) return { kind: 'literal', value: JSON.parse(next) as string }
  if (/^-?\d/.test(next)) return { kind: 'literal', value: Number(next) }
  if (next === 'true' || next === 'false') return { kind: 'literal', value: next === 'true' }
  if (/^[.$]/.test(next)) {
    const [name = '', ...keys] = next === '.' ? ['.'] : next.split('.')
    return { kind: 'path', from: name === '' ? '.' : name, keys }
  }
  return { kind: 'call', name: next, args: [] }
}
