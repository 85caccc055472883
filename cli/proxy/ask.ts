import type { GenericSchema } from 'valibot'
import { safeParse } from 'valibot'
import { Failure } from '../failure.ts'
import type { Door } from './door.ts'

export interface Request<T> {
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  readonly body?: string
  readonly answer: GenericSchema<unknown, T>
}

export interface Answer<T> {
  /** As it was sent, with whatever this version does not know. */
  readonly document: unknown
  readonly parsed: T
}

/** Asks a sidecar's admin endpoint; throws a Failure that says what to do. */
export async function ask<T>(door: Door, request: Request<T>): Promise<Answer<T>> {
  const { method, path, body, answer } = request
  const { status, text } = await door.exchange(method, path, body)
  const document = parseJson(text)
  const what = `${method} ${door.describe(path)}`
  if (status !== 200) throw refused(`${what}: the sidecar answered ${status}: ${reason(document)}`)
  const result = safeParse(answer, document)
  if (result.success) return { document, parsed: result.output }
  throw refused(`${what}: this is not the answer of a weft sidecar: write the URL of one with --admin`)
}

function refused(message: string): Failure {
  return new Failure(`weft proxy: ${message}`, { status: 1 })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reason(document: unknown): string {
  const { error } = (document ?? {}) as { error?: unknown }
  return typeof error === 'string' ? error : 'it gave no reason'
}
