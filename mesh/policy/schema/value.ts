import * as v from 'valibot'
import { kindOf } from './written.ts'

/** What a reader answers when it cannot take a value. */
export interface Refused {
  readonly refused: string
}

/** Says what is wrong with a value, and what to write instead. */
export function refuse(message: string): Refused {
  return { refused: message }
}

/** A single value, read by a function that either takes it or refuses it with a sentence. */
export function value<Value>(read: (written: unknown) => Value | Refused) {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): Value => {
      const result = read(dataset.value)
      if (!isRefused(result)) return result
      addIssue({ message: result.refused })
      return NEVER
    }),
  )
}

export function text<Value>(read: (written: string) => Value | Refused) {
  return value((written): Value | Refused => {
    if (typeof written === 'string') return read(written)
    const quoted = typeof written === 'number' || typeof written === 'boolean'
    return refuse(`must be text; it is ${kindOf(written)}${quoted ? `: write '${written}' in quotes` : ''}`)
  })
}

/** One of a few words, spelled exactly. */
export function oneOf<const Word extends string>(
  words: readonly Word[],
  refused: Readonly<Record<string, string>> = {},
) {
  return value((written): Word | Refused => {
    const word = words.find((word) => word === written)
    if (word !== undefined) return word
    const text = typeof written === 'string' ? written.toLowerCase() : ''
    const meant = words.find((word) => word.toLowerCase() === text)
    if (meant !== undefined) return refuse(`is written ${meant}, not ${kindOf(written)}`)
    if (Object.hasOwn(refused, text)) return refuse(refused[text]!)
    return refuse(`must be ${words.join(' or ')}; it is ${kindOf(written)}`)
  })
}

export const flag = value((written) =>
  typeof written === 'boolean'
    ? written
    : refuse(`must be true or false, without quotes; it is ${kindOf(written)}`),
)

const absent: readonly never[] = Object.freeze([])

/** A list that says something: an empty one reads as "none" to one person and as "any" to the next. */
export function list<Schema extends v.GenericSchema>(item: Schema) {
  const written = v.pipe(
    v.unknown(),
    v.check(
      (input) => input === absent || !Array.isArray(input) || input.length > 0,
      'is an empty list; leave it out to demand nothing, or list what is meant',
    ),
    v.array(item, ({ input }) => `must be a list; it is ${kindOf(input)}`),
  )
  return v.optional(written, absent)
}

function isRefused(result: unknown): result is Refused {
  return typeof result === 'object' && result !== null && 'refused' in result
}
