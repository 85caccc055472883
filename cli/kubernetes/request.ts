import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import type { KubeConfig } from '@kubernetes/client-node'

export interface Answer {
  readonly status: number
  /** The JSON, or the text where it is none. */
  readonly body: unknown
  /** The server's clock, in milliseconds since 1970 to the second; undefined when it did not say. */
  readonly date: number | undefined
}

/** The body of a PATCH is a JSON merge patch. */
export type Method = 'GET' | 'POST' | 'PATCH'
export type Requester = (method: Method, path: string, body?: unknown) => Promise<Answer>

const timeout = 20_000

/** Sends requests with a kubeconfig's credentials. Rejects when no answer comes within 20 s. */
export function createRequester(config: KubeConfig, server: string): Requester {
  const { pathname, protocol } = new URL(server)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  return async (method, path, body) => {
    const given: Omit<RequestOptions, 'headers'> & { headers?: OutgoingHttpHeaders } = {}
    await config.applyToHTTPSOptions(given)
    const secure = protocol === 'https:'
    const text = body === undefined ? undefined : JSON.stringify(body)
    const headers = {
      ...given.headers,
      accept: 'application/json, text/plain',
      ...(text !== undefined && { 'content-type': contentTypeOf(method) }),
    }
    const signal = AbortSignal.timeout(timeout)
    // Its agents keep the first certificate for good; ours knows each by what the request brings.
    const options = { ...given, ...(secure ? { agent } : { agent: undefined }), method, headers, signal }
    const url = new URL(pathname.replace(/\/$/, '') + path, server)
    return await exchange(() => (secure ? httpsRequest : httpRequest)(url, options as RequestOptions), text)
  }
}

function contentTypeOf(method: Method): string {
  return method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
}

function exchange(start: () => ReturnType<typeof httpsRequest>, text: string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = start()
    sent.once('error', reject)
    sent.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const date = Date.parse(response.headers.date ?? '')
        resolve({
          status: response.statusCode ?? 0,
          body: parsed(Buffer.concat(chunks).toString('utf8')),
          date: Number.isNaN(date) ? undefined : date,
        })
      })
    })
    sent.end(text)
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}
