import { isMapping } from './values.ts'

/** The part of JSON Schema that the chart's own schema is written in. */
export interface Schema {
  readonly $ref?: string
  readonly type?: 'object' | 'array' | 'string' | 'boolean' | 'integer'
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly definitions?: Readonly<Record<string, Schema>>
}

/** What is wrong with a value, each with its path. */
export function schemaProblems(root: Schema, value: unknown): string[] {
  return problems(root, value, [])

  function problems(schema: Schema, value: unknown, path: readonly string[]): string[] {
    if (schema.$ref !== undefined) return problems(definition(root, schema.$ref), value, path)
    const at = path.join('.')
    const wrongKind = kindProblem(schema, value)
    if (wrongKind !== undefined) return [`${at}: ${wrongKind}; it is ${JSON.stringify(value)}`]
    if (Array.isArray(value)) {
      return value.flatMap((item, index) => problems(schema.items ?? {}, item, [...path, String(index)]))
    }
    return isMapping(value) ? fieldProblems(schema, value, path) : []
  }

  function fieldProblems(schema: Schema, value: Record<string, unknown>, path: readonly string[]): string[] {
    const { properties = {}, additionalProperties = true, required = [] } = schema
    const missing = required.filter((key) => !Object.hasOwn(value, key))
    const found = Object.entries(value).flatMap(([key, field]) => {
      const known = Object.hasOwn(properties, key) ? properties[key] : undefined
      if (known) return problems(known, field, [...path, key])
      if (additionalProperties === true) return []
      if (additionalProperties !== false) return problems(additionalProperties, field, [...path, key])
      return [
        `${[...path, key].join('.')}: is no value of weft; here are ${Object.keys(properties).join(', ')}`,
      ]
    })
    return [...missing.map((key) => `${[...path, key].join('.')}: must not be taken away`), ...found]
  }
}

function definition({ definitions = {} }: Schema, reference: string): Schema {
  const found = definitions[reference.replace('#/definitions/', '')]
  if (!found) throw new Error(`the schema has no ${reference}`)
  return found
}

function kindProblem(schema: Schema, value: unknown): string | undefined {
  if (schema.type === undefined) return undefined
  switch (schema.type) {
    case 'object':
      return isMapping(value) ? undefined : 'must be a mapping'
    case 'array':
      return Array.isArray(value) ? undefined : 'must be a list'
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'must be true or false'
    case 'integer':
      return integerProblem(schema, value)
    case 'string':
      return textProblem(schema, value)
  }
}

function integerProblem({ minimum = 0, maximum = Infinity }: Schema, value: unknown): string | undefined {
  const fits = Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum
  return fits ? undefined : `must be a whole number from ${minimum} to ${maximum}`
}

function textProblem({ enum: words, pattern }: Schema, value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be text'
  if (words && !words.includes(value)) return `must be ${words.join(' or ')}`
  return pattern === undefined || new RegExp(pattern, 'u').test(value) ? undefined : `must match ${pattern}`
}
