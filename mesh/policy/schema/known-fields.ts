import * as v from 'valibot'
import { nearestName } from './nearest-name.ts'
import { isMapping, kindOf } from './written.ts'

export interface FieldHints {
  /** Fields that are refused with a sentence of their own. */
  readonly refused?: Readonly<Record<string, string>>
  /** What to write for a field that is missing. */
  readonly example?: Readonly<Record<string, string>>
}

/** A mapping with these fields and no others; unknown names and wrong values are all reported together. */
export function knownFields<const Entries extends v.ObjectEntries>(entries: Entries, hints: FieldHints = {}) {
  const known = Object.keys(entries)
  const fields = v.object(entries, ({ path }) => missingField(String(path?.at(-1)?.key), hints))
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): v.InferOutput<typeof fields> => {
      const input = dataset.value
      if (!isMapping(input)) {
        addIssue({ message: `must be a mapping with ${known.join(', ')}; it is ${kindOf(input)}` })
        return NEVER
      }
      for (const key of Object.keys(input)) {
        if (known.includes(key)) continue
        const item = { type: 'object', origin: 'key', input, key, value: input[key] } as const
        addIssue({ message: unknownField(key, known, hints), path: [item] })
      }
      const result = v.safeParse(fields, ownFields(input))
      if (result.success) return result.output
      for (const { message, path } of result.issues) addIssue(path ? { message, path } : { message })
      return NEVER
    }),
  )
}

function missingField(key: string, { example = {} }: FieldHints): string {
  return Object.hasOwn(example, key) ? `is missing; write for example ${key}: ${example[key]}` : 'is missing'
}

function unknownField(key: string, known: readonly string[], { refused = {} }: FieldHints): string {
  if (Object.hasOwn(refused, key)) return refused[key]!
  const nearest = nearestName(key, known)
  const meant =
    nearest === undefined ? `; the fields here are ${known.join(', ')}` : `; did you mean ${nearest}?`
  return `is not a field that weft knows${meant}`
}

/** A copy without a prototype: what is inherited is not what the author wrote. */
function ownFields(input: Record<string, unknown>): Record<string, unknown> {
  return Object.assign(Object.create(null) as Record<string, unknown>, input)
}
