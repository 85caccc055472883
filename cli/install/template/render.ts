import type { Expression } from './expression.ts'
import { functions, holds, written } from './functions.ts'
import { ChartMistake } from './mistake.ts'
import type { Body, Node } from './parse.ts'

/** Everything that `define` named in the chart. */
export type Definitions = ReadonlyMap<string, Body>

/** Writes a template out for this dot. Throws ChartMistake where it names what is not there. */
export function render(body: Body, dot: unknown, definitions: Definitions): string {
  return renderBody(body, { dot, variables: new Map([['$', dot]]), definitions })
}

interface Scope {
  readonly dot: unknown
  readonly variables: ReadonlyMap<string, unknown>
  readonly definitions: Definitions
}

function renderBody(body: Body, scope: Scope): string {
  const variables = new Map(scope.variables)
  const inner = { ...scope, variables }
  return body
    .map((node) => {
      if (node.kind !== 'assign') return renderNode(node, inner)
      variables.set(node.name, evaluate(node.expression, inner))
      return ''
    })
    .join('')
}

function renderNode(node: Exclude<Node, { kind: 'assign' }>, scope: Scope): string {
  if (node.kind === 'text') return node.text
  const value = evaluate(node.expression, scope)
  if (node.kind === 'output') return written(value)
  if (!holds(value)) return renderBody(node.otherwise, scope)
  switch (node.kind) {
    case 'if':
      return renderBody(node.body, scope)
    case 'with':
      return renderBody(node.body, { ...scope, dot: value })
    case 'range':
      if (!Array.isArray(value)) throw new ChartMistake('range goes over lists only')
      return value.map((dot: unknown) => renderBody(node.body, { ...scope, dot })).join('')
  }
}

function evaluate(expression: Expression, scope: Scope): unknown {
  switch (expression.kind) {
    case 'literal':
      return expression.value
    case 'path':
      return follow(expression.from, expression.keys, scope)
    case 'call':
      return call(
        expression.name,
        expression.args.map((arg) => evaluate(arg, scope)),
        scope,
      )
  }
}

function call(name: string, args: readonly unknown[], { definitions }: Scope): unknown {
  if (name === 'include') {
    const definition = definitions.get(written(args[0]))
    if (!definition) throw new ChartMistake(`nothing is defined as ${written(args[0])}`)
    return render(definition, args[1], definitions)
  }
  const made = functions.get(name)
  if (!made) throw new ChartMistake(`${name} is no function that this renderer knows`)
  return made(...args)
}

function follow(from: string, keys: readonly string[], { dot, variables }: Scope): unknown {
  if (from !== '.' && !variables.has(from)) throw new ChartMistake(`${from} is not set`)
  let value = from === '.' ? dot : variables.get(from)
  for (const [index, key] of keys.entries()) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) {
      throw new ChartMistake(`${[from, ...keys.slice(0, index + 1)].join('.')} is not there`)
    }
    value = (value as Record<string, unknown>)[key]
  }
  return value
}
