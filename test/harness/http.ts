import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { dial } from './socket.ts'
import type { Standing } from './within.ts'

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface HttpOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds until the whole exchange must be done; 5 s by default. */
  readonly timeout?: number
}

/** One HTTP exchange from a namespace, on a connection of its own. */
export async function httpFrom(
  standing: Standing,
  url: string,
  { method = 'GET', headers = {}, body, timeout = 5_000 }: HttpOptions = {},
): Promise<HttpResponse> {
  const { host, pathname, search } = new URL(url)
  const target = /:\d+$/.test(host) ? host : `${host}:80`
  const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>()
  const request = httpRequest(
    {
      method,
      path: pathname + search,
      headers: { host, ...headers },
      createConnection: () => dial(standing, target, { allowHalfOpen: false }),
      signal: AbortSignal.timeout(timeout),
    },
    (response) => {
      const { statusCode: status = 0, headers } = response
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('error', reject).once('end', () => resolve({ status, headers, body: text }))
    },
  )
  request.once('error', reject).end(body)
  try {
    return await promise
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`${method} ${url} from ${standing.namespace}: ${reason}`, { cause })
  }
}
