import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import { AnswerTooLarge, boundedText } from '#runtime/pages.ts'
import type { ApiAccess } from './access.ts'
import { ApiUnreachable, apiError } from './errors.ts'

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** From the server's root, e.g. `/api/v1/pods`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  /** JSON unless a patch says which kind it is. */
  readonly contentType?: string
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until an answer has to be there whole, or for a stream its head; 30 s by default. */
  readonly timeout?: number
}

/** One client for everything that the control plane asks of the API server. */
export interface ApiClient {
  /** The answer's JSON. Rejects with ApiError, ApiUnreachable or AnswerTooLarge. */
  request(request: ApiRequest): Promise<unknown>
  /** An answer whose body is read as it comes; destroying it ends the request. Rejects like `request`. */
  stream(request: ApiRequest): Promise<IncomingMessage>
  close(): void
}

/**
 * Bytes of one answer. A page of 500 large pods takes 10 million, one object a few; as text, in pieces and parsed it takes
 * several times as much, of the memory in which also the mesh is kept.
 */
const answerLimit = 16 * 1024 * 1024
const answerTimeout = 30_000

export function createApiClient({ server, options }: ApiAccess): ApiClient {
  // Watches hold a connection each, so their number is not limited.
  const settings = { keepAlive: true, keepAliveMsecs: 15_000, scheduling: 'lifo' } as const
  const secure = server.protocol === 'https:'
  const agent = secure ? new HttpsAgent(settings) : new HttpAgent(settings)
  const open = async (request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> => {
    const given = await options()
    const body = bodyOf(request)
    const headers = { ...given.headers, ...headersOf(request, body) }
    const all = { ...given, agent, signal, method: request.method ?? 'GET', headers }
    const url = addressOf(server, request)
    return respond(
      (answer) => (secure ? httpsRequest(url, all, answer) : httpRequest(url, all as RequestOptions, answer)),
      body,
    )
  }
  const send = async (request: ApiRequest, signal: AbortSignal): Promise<IncomingMessage> => {
    const response = await open(request, signal)
    const status = response.statusCode ?? 0
    if (status < 300) return response
    throw apiError(
      `${request.method ?? 'GET'} ${request.path}`,
      status,
      await boundedText(response, answerLimit),
    )
  }
  return {
    async request(request) {
      return limited(request, async (signal) => {
        const text = await boundedText(await send(request, signal), answerLimit)
        return JSON.parse(text) as unknown
      })
    },
    stream(request) {
      return limited(request, (signal) => send(request, signal))
    },
    close: () => agent.destroy(),
  }
}

/** Ends what takes too long, and says of every failure what was asked. */
async function limited<T>(request: ApiRequest, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, timeout = answerTimeout } = request
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new Error(`no answer within ${timeout / 1_000} s`)), timeout)
  try {
    return await work(signal ? AbortSignal.any([signal, limit.signal]) : limit.signal)
  } catch (error) {
    if (error instanceof Error && error.name === 'ApiError') throw error
    const what = `${request.method ?? 'GET'} ${request.path} failed`
    if (error instanceof AnswerTooLarge) throw new AnswerTooLarge(what, { cause: error })
    throw new ApiUnreachable(what, { cause: limit.signal.aborted ? limit.signal.reason : error })
  } finally {
    clearTimeout(timer)
  }
}

function addressOf(server: URL, { path, query = {} }: ApiRequest): URL {
  // A server behind a proxy has a path of its own.
  const url = new URL(server.pathname.replace(/\/$/, '') + path, server)
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value)
  return url
}

function headersOf(
  { contentType = 'application/json' }: ApiRequest,
  body: Buffer | undefined,
): Record<string, string> {
  const accept = { accept: 'application/json', 'user-agent': 'weft-control-plane' }
  if (body === undefined) return accept
  // Without a length Node sends the body of a DELETE so that it reads as the next request.
  return { ...accept, 'content-type': contentType, 'content-length': String(body.length) }
}

function bodyOf({ body }: ApiRequest): Buffer | undefined {
  return body === undefined ? undefined : Buffer.from(JSON.stringify(body))
}

function respond(
  start: (answer: (response: IncomingMessage) => void) => ClientRequest,
  body: Buffer | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = start(resolve)
    sent.on('error', reject)
    sent.end(body)
  })
}
