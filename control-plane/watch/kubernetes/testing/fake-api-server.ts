import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { URL } from 'node:url'
import { type ApiClient, createApiClient } from '../api/client.ts'
import type { RawObject } from '../list-watch/kind.ts'

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

interface LoggedEvent {
  readonly version: number
  readonly type: EventType
  readonly object: RawObject
}

/** One collection as an API server serves it, which can also do what API servers do on a bad day. */
export class FakeApiServer implements AsyncDisposable {
  readonly client: ApiClient
  readonly url: string
  readonly requests: URL[] = []
  readonly #server: Server
  readonly #objects = new Map<string, RawObject>()
  readonly #watches = new Set<ServerResponse>()
  #events: LoggedEvent[] = []
  #version = 100
  #oldest = 0
  #deaf = false
  #answer: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined

  private constructor(server: Server, port: number) {
    this.#server = server
    this.url = `http://127.0.0.1:${port}`
    this.client = createApiClient({
      server: new URL(this.url),
      options: () => Promise.resolve({}),
    })
    server.on('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#serve(request, response),
    )
  }

  static async start(): Promise<FakeApiServer> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    return new FakeApiServer(server, typeof address === 'object' && address ? address.port : 0)
  }

  get watches(): number {
    return this.#watches.size
  }

  /** Requests that were a watch, or a page of a list. */
  asked(kind: 'watch' | 'list'): URL[] {
    return this.requests.filter(({ searchParams }) => searchParams.has('watch') === (kind === 'watch'))
  }

  set(name: string, fields: Record<string, unknown> = {}): void {
    const version = ++this.#version
    const known = this.#objects.get(name)
    const uid = known?.metadata.uid ?? `uid-${version}`
    const metadata = { name, namespace: 'shop', uid, resourceVersion: String(version) }
    const object = { ...fields, metadata }
    this.#objects.set(name, object)
    this.#tell({ version, type: known ? 'MODIFIED' : 'ADDED', object })
  }

  delete(name: string): void {
    const known = this.#objects.get(name)
    if (!known) throw new Error(`there is no ${name}`)
    this.#objects.delete(name)
    const version = ++this.#version
    const object = { ...known, metadata: { ...known.metadata, resourceVersion: String(version) } }
    this.#tell({ version, type: 'DELETED', object })
  }

  bookmark(): void {
    this.#write({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(++this.#version) } } })
  }

  /** Forgets past changes: what goes on from an earlier version is Expired. */
  compact(): void {
    this.#events = []
    this.#oldest = ++this.#version
  }

  /** Says nothing of changes to anybody, as if they had not been, until it is told to speak again. */
  swallow(deaf: boolean): void {
    this.#deaf = deaf
  }

  /** Cuts every watch, in the middle of an event that says nothing whole. */
  cutInTheMiddle(): void {
    for (const response of this.#watches) {
      response.write('{"type":"ADDED","object":{"metadata":{"name":"ha')
      setTimeout(() => response.destroy(), 10)
    }
  }

  /** Ends every watch as an API server does. */
  endWatches(): void {
    for (const response of this.#watches) response.end()
  }

  /** Answers requests in the server's stead while it answers true. */
  intercept(answer: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined): void {
    this.#answer = answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://fake')
    this.requests.push(url)
    if (this.#answer?.(request, response)) return
    if (url.searchParams.has('watch')) this.#watch(url, response)
    else this.#list(url, response)
  }

  #list({ searchParams }: URL, response: ServerResponse): void {
    const from = Number(searchParams.get('continue') ?? 0)
    const limit = Number(searchParams.get('limit') ?? 500)
    const items = [...this.#objects.values()].slice(from, from + limit)
    const more = from + limit < this.#objects.size ? { continue: String(from + limit) } : {}
    const metadata = { resourceVersion: String(this.#version), ...more }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ kind: 'List', metadata, items }))
  }

  #watch({ searchParams }: URL, response: ServerResponse): void {
    const since = Number(searchParams.get('resourceVersion'))
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    if (since < this.#oldest) {
      const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' }
      response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`)
      return
    }

    this.#watches.add(response)
    response.on('close', () => this.#watches.delete(response))
    for (const { version, type, object } of this.#events) {
      if (version > since) response.write(`${JSON.stringify({ type, object })}\n`)
    }
  }

  #tell(event: LoggedEvent): void {
    if (this.#deaf) return
    this.#events.push(event)
    this.#write({ type: event.type, object: event.object })
  }

  #write(event: unknown): void {
    for (const response of this.#watches) response.write(`${JSON.stringify(event)}\n`)
  }
}

/** Answers with a Status of that code, as an API server refuses. */
export function refuse(response: ServerResponse, code: number, reason: string, message = reason): true {
  response.writeHead(code, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ kind: 'Status', code, reason, message }))
  return true
}
