import { stringify } from 'yaml'
import { ChartMistake } from './mistake.ts'

export type Function = (...args: readonly unknown[]) => unknown

/** What templates may call, as Go, Sprig and Helm define it. `include` is the renderer's own. */
export const functions: ReadonlyMap<string, Function> = new Map<string, Function>([
  ['default', (fallback, value) => (holds(value) ? value : fallback)],
  ['dict', dict],
  ['eq', (left, ...rights) => rights.includes(left)],
  ['gt', (left, right) => Number(left) > Number(right)],
  ['int', (value) => Math.trunc(Number(value))],
  ['list', (...items) => items],
  ['nindent', (width, text) => `\n${indent(Number(width), written(text))}`],
  ['not', (value) => !holds(value)],
  ['quote', (value) => JSON.stringify(written(value))],
  ['toYaml', toYaml],
])

/** Whether `if` takes it for true: what is absent, zero or empty is not. */
export function holds(value: unknown): boolean {
  if (value === undefined || value === null) return false
  if (typeof value === 'object') return Object.keys(value).length > 0
  return value !== false && value !== 0 && value !== ''
}

/** A scalar as it stands in the output. */
export function written(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  throw new ChartMistake(`a ${value === null ? 'null' : typeof value} cannot be written; use toYaml`)
}

function dict(...entries: readonly unknown[]): Record<string, unknown> {
  const made: Record<string, unknown> = {}
  for (let index = 0; index < entries.length; index += 2) made[written(entries[index])] = entries[index + 1]
  return made
}

function toYaml(value: unknown): string {
  return stringify(value, { sortMapEntries: true, indentSeq: false, lineWidth: 0 }).trimEnd()
}

function indent(width: number, text: string): string {
  const margin = ' '.repeat(width)
  return text
    .split('\n')
    .map((line) => margin + line)
    .join('\n')
}
