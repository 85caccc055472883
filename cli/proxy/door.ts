import { request as httpRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import { ports } from '#mesh/ports.ts'
import { Failure } from '../failure.ts'

/** Milliseconds that a sidecar may take; a renewal asks the control plane. */
const limit = 10_000

/** A way to a sidecar's admin endpoint. */
export interface Door {
  /** What was asked, for messages. */
  describe(path: string): string
  /** Rejects with a Failure that says what to do when nobody answers. */
  exchange(method: string, path: string, body: string | undefined): Promise<Answered>
}

export interface Answered {
  readonly status: number
  readonly text: string
}

/** Whoever listens at a URL. Throws a Failure for one that is none. */
export function urlDoor(admin: string): Door {
  const base = URL.parse(admin)
  if (base?.protocol !== 'http:' || base.pathname !== '/' || base.search !== '') {
    const message = `--admin is ${JSON.stringify(admin)}: write http://HOST:PORT, e.g. http://127.0.0.1:15000`
    throw new Failure(`weft proxy: ${message}`, { status: 2 })
  }
  return {
    describe: (path) => new URL(path, base).href,
    async exchange(method, path, body) {
      try {
        const signal = AbortSignal.timeout(limit)
        const options = { method, signal, redirect: 'error', ...(body !== undefined && { body }) } as const
        const response = await fetch(new URL(path, base), options)
        return { status: response.status, text: await response.text() }
      } catch (error) {
        throw silent(`at ${base.origin}`, error, elsewhere)
      }
    },
  }
}

/** The sidecar of a pod, `name` in messages, through a connection that `open` makes to its admin port. */
export function podDoor(name: string, open: () => Promise<Duplex>): Door {
  return {
    describe: (path) => `${path} of ${name}`,
    async exchange(method, path, body) {
      try {
        return await overHttp(await open(), { method, path, body })
      } catch (error) {
        throw silent(`in ${name}`, error, 'see weft status')
      }
    },
  }
}

const elsewhere =
  'write where one is with --admin URL, its network namespace with --netns NAME, or its pod with --pod NAMESPACE/NAME'

interface Sent {
  readonly method: string
  readonly path: string
  readonly body: string | undefined
}

function overHttp(connection: Duplex, { method, path, body }: Sent): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = { host: `127.0.0.1:${ports.admin}`, connection: 'close' }
    const signal = AbortSignal.timeout(limit)
    const sent = httpRequest({ createConnection: () => connection, method, path, headers, signal })
    sent.once('error', reject)
    connection.once('error', reject)
    sent.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        connection.destroy()
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') })
      })
    })
    sent.end(body)
  })
}

function silent(where: string, error: unknown, todo: string): Failure {
  const message = `weft proxy: no sidecar answers ${where} (${causeOf(error)}): ${todo}`
  return error instanceof Failure ? error : new Failure(message, { status: 1, cause: error })
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
