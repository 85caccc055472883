import { type Expression, parseExpression } from './expression.ts'
import { ChartMistake } from './mistake.ts'
import { type Token, tokenize } from './tokens.ts'

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'output'; readonly expression: Expression }
  | { readonly kind: 'assign'; readonly name: string; readonly expression: Expression }
  /** `if`, `with` and `range`: the body where the expression holds something, else the other. */
  | {
      readonly kind: BlockKind
      readonly expression: Expression
      readonly body: Body
      readonly otherwise: Body
    }

export type BlockKind = 'if' | 'with' | 'range'
export type Body = readonly Node[]

export interface Template {
  readonly body: Body
  /** What `define` names in it. */
  readonly definitions: ReadonlyMap<string, Body>
}

/** Parses the part of Go's template language that the chart is written in; throws ChartMistake for the rest. */
export function parseTemplate(text: string): Template {
  const definitions = new Map<string, Body>()
  const tokens = tokenize(text)
  const { body, end } = parseBody(tokens, definitions)
  if (end !== undefined) throw new ChartMistake(`{{ ${end} }} closes nothing`)
  return { body, definitions }
}

interface Parsed {
  readonly body: Body
  /** The action that ended it: `end`, `else`, `else if ...`; undefined at the end of the file. */
  readonly end: string | undefined
}

function parseBody(tokens: Token[], definitions: Map<string, Body>): Parsed {
  const body: Node[] = []
  for (let token = tokens.shift(); token !== undefined; token = tokens.shift()) {
    if (token.kind === 'text') {
      body.push(token)
      continue
    }
    const [, keyword = '', rest = ''] = /^(\w*)\s*([\s\S]*)$/.exec(token.source) ?? []
    switch (keyword) {
      case 'end':
      case 'else':
        return { body, end: token.source }
      case 'define':
        definitions.set(String(JSON.parse(rest)), closed(parseBody(tokens, definitions), token.source))
        break
      case 'if':
      case 'with':
      case 'range':
        body.push(block(keyword, rest, tokens, definitions))
        break
      default:
        body.push(statement(token.source))
    }
  }
  return { body, end: undefined }
}

function block(kind: BlockKind, source: string, tokens: Token[], definitions: Map<string, Body>): Node {
  const expression = parseExpression(source)
  const { body, end } = parseBody(tokens, definitions)
  if (end === undefined) throw new ChartMistake(`{{ ${kind} ${source} }} is not closed`)
  if (end === 'end') return { kind, expression, body, otherwise: [] }
  const chained = /^else if\s+([\s\S]+)$/.exec(end)?.[1]
  const otherwise =
    chained === undefined
      ? closed(parseBody(tokens, definitions), end)
      : [block('if', chained, tokens, definitions)]
  return { kind, expression, body, otherwise }
}

function closed({ body, end }: Parsed, opened: string): Body {
  if (end !== 'end') throw new ChartMistake(`{{ ${opened} }} is not closed`)
  return body
}

function statement(source: string): Node {
  const assignment = /^(\$\w+)\s*:=\s*([\s\S]+)$/.exec(source)
  if (!assignment) return { kind: 'output', expression: parseExpression(source) }
  return { kind: 'assign', name: assignment[1]!, expression: parseExpression(assignment[2]!) }
}
