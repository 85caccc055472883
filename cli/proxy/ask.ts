import type { GenericSchema } from 'valibot'
import { safeParse } from 'valibot'
import { Failure } from '../failure.ts'

/** Milliseconds that a sidecar may take; a renewal asks the control plane. */
const limit = 10_000

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
export async function ask<T>(admin: string, request: Request<T>): Promise<Answer<T>> {
  const { method, path, body, answer } = request
  const url = adminUrl(admin, path)
  const { status, text } = await exchange(url, method, body)
  const document = parseJson(text)
  const what = `${method} ${url.href}`
  if (status !== 200) throw refused(`${what}: the sidecar answered ${status}: ${reason(document)}`)
  const result = safeParse(answer, document)
  if (result.success) return { document, parsed: result.output }
  throw refused(`${what}: this is not the answer of a weft sidecar: write the URL of one with --admin`)
}

function adminUrl(admin: string, path: string): URL {
  const base = URL.parse(admin)
  const plain = base && base.protocol === 'http:' && base.pathname === '/' && base.search === ''
  if (plain) return new URL(path, base)
  const message = `--admin is ${JSON.stringify(admin)}: write http://HOST:PORT, e.g. http://127.0.0.1:15000`
  throw new Failure(`weft proxy: ${message}`, { status: 2 })
}

async function exchange(url: URL, method: string, body: string | undefined) {
  try {
    const signal = AbortSignal.timeout(limit)
    const response = await fetch(url, {
      method,
      signal,
      redirect: 'error',
      ...(body !== undefined && { body }),
    })
    return { status: response.status, text: await response.text() }
  } catch (error) {
    throw refused(`no sidecar answers at ${url.origin} (${causeOf(error)}): ${elsewhere}`, error)
  }
}

const elsewhere = 'write where one is with --admin URL, or its network namespace with --netns NAME'

function refused(message: string, cause?: unknown): Failure {
  return new Failure(`weft proxy: ${message}`, { status: 1, cause })
}

/** fetch tells the reason in the cause of its error, and of several addresses in the first of theirs. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `nothing came within ${limit / 1_000} s`
  const { cause } = error
  if (cause instanceof AggregateError && cause.errors.length > 0) return causeOf(cause.errors[0])
  if (cause instanceof Error) return causeOf(cause)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
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
