import type {
  IncomingHttpHeaders,
  IncomingMessage,
  RequestListener,
  Server,
  ServerOptions,
  ServerResponse,
} from 'node:http'
import { BodyBudget, type HeldBody } from './body-budget.ts'
import { boundConnections } from './door.ts'
import type { DoorMetrics } from './door-metrics.ts'
import type { Log } from './log.ts'

// An import of node:http reads its lazy exports as well, and with them loads undici: 6 MB of private memory in every
// sidecar, for a client that nothing here uses.
const { createServer } = process.getBuiltinModule('node:http')

export interface HttpRequest {
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Aborts when the caller is gone before it was answered. */
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status?: number
  /** Content type; JSON when the body is neither text nor bytes. */
  readonly type?: string
  readonly body: unknown
  /** Ends the connection instead of answering. */
  readonly hangUp?: boolean
}

export type Route = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>

export interface HttpServer {
  readonly port: number
  close(): Promise<void>
}

export interface HttpOptions {
  /** Undefined for every address: of both families, or of IPv4 where the kernel has no IPv6. */
  readonly host: string | undefined
  readonly port: number
  /** `GET /path` to what answers it; `GET /path/*` answers for everything below. */
  readonly routes: Readonly<Record<string, Route>>
  /** Refuse what a browser may have been led to send: another Host than loopback, or an Origin. */
  readonly loopbackOnly?: boolean
  /** Bytes that a body may have; 64 KiB by default. */
  readonly bodyLimit?: number
  /** Bytes that the bodies of all requests under way may have together; sixteen times `bodyLimit` by default. */
  readonly bodiesLimit?: number
  /** Connections that may be open, 256 by default; others are closed at once. */
  readonly maxConnections?: number
  /**
   * Connections of one address that may be open; any number by default. With it whoever has most makes room for a
   * newcomer, so that neither one address nor several together keep others out.
   */
  readonly maxConnectionsOfOneAddress?: number
  /** Makes the server; one without TLS by default. */
  readonly create?: (options: ServerOptions, listener: RequestListener) => Server
  /** Where connections are counted; nowhere by default. */
  readonly metrics?: DoorMetrics
  readonly log: Log
}

const foreignHost: HttpAnswer = {
  status: 403,
  body: { error: 'ask by a loopback address, and not from a page' },
}
const internalError: HttpAnswer = { status: 500, body: { error: 'internal error; the log has the reason' } }

/** Milliseconds. Node looks every 30 s unless told otherwise, which would be the limit then. */
const timeouts = { headersTimeout: 5_000, requestTimeout: 10_000, connectionsCheckingInterval: 1_000 }

/** A small HTTP server for a process's own endpoints: admin, metrics, readiness. Rejects when it cannot listen. */
export async function serveHttp({
  host,
  port,
  routes,
  log,
  loopbackOnly = false,
  bodyLimit = 64 * 1024,
  bodiesLimit = 16 * bodyLimit,
  maxConnections = 256,
  maxConnectionsOfOneAddress,
  create = createServer,
  metrics,
}: HttpOptions): Promise<HttpServer> {
  const bodies = new BodyBudget({ limit: bodiesLimit, log, ...(metrics && { metrics }) })
  const server = create(timeouts, (request, response) => {
    const foreign = loopbackOnly && isForeign(request)
    const answered = foreign
      ? Promise.resolve(foreignHost)
      : answer(request, response, { routes, bodyLimit, bodies })
    answered
      .then((result) => send(response, result))
      .catch((error: unknown) => {
        // Whoever goes away in the middle of a request, or had to, is nobody's fault here.
        if (request.destroyed && !request.complete) return
        log.error('an endpoint failed', { path: request.url, error })
        if (!response.headersSent) send(response, internalError)
      })
  })
  if (maxConnectionsOfOneAddress === undefined) server.maxConnections = maxConnections
  else {
    const bounds = { ofOneAddress: maxConnectionsOfOneAddress, together: maxConnections }
    boundConnections(server, { ...bounds, log, ...(metrics && { metrics }) })
  }
  await new Promise<void>((resolve, reject) => {
    const where = host === undefined ? `port ${port}` : `${host}:${port}`
    server.once('error', (cause) => reject(new Error(`cannot listen on ${where}`, { cause })))
    server.listen({ port, host }, resolve)
  })
  server.removeAllListeners('error')
  // An accept that fails for want of descriptors must not end the process.
  server.on('error', (error) => log.error('accepting requests failed', { port, error }))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** A page of somebody else's can point a name of its own at 127.0.0.1, but not hide that it did. */
function isForeign({ headers }: IncomingMessage): boolean {
  const isLoopback = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(headers.host ?? '')
  return !isLoopback || headers.origin !== undefined
}

interface Answering {
  readonly routes: HttpOptions['routes']
  readonly bodyLimit: number
  readonly bodies: BodyBudget
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { routes, bodyLimit, bodies }: Answering,
): Promise<HttpAnswer> {
  const url = URL.parse(request.url ?? '/', 'http://local')
  if (!url) return { status: 400, body: { error: 'the request path is not a URL path' } }
  const route = findRoute(routes, `${request.method} ${url.pathname}`)
  if (!route) {
    const known = Object.keys(routes).join(', ')
    return { status: 404, body: { error: `${request.method} ${url.pathname} is unknown; known: ${known}` } }
  }
  using held = bodies.hold(request.socket.remoteAddress ?? '', () => void request.socket.destroy())
  const body = await readBody(request, bodyLimit, held)
  if (body === undefined) return { status: 413, body: { error: `the body is over ${bodyLimit} bytes` } }
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const { headers } = request
  return await route({ path: url.pathname, query: url.searchParams, headers, body, signal: gone.signal })
}

function findRoute(routes: HttpOptions['routes'], asked: string): Route | undefined {
  if (Object.hasOwn(routes, asked)) return routes[asked]
  const below = Object.keys(routes).find((name) => name.endsWith('/*') && asked.startsWith(name.slice(0, -1)))
  return below === undefined ? undefined : routes[below]
}

/** Undefined for a body over the limit. It is read to its end all the same: a reset would overtake the answer. */
async function readBody(
  request: IncomingMessage,
  bodyLimit: number,
  held: HeldBody,
): Promise<string | undefined> {
  // One buffer that grows: a list of what came would cost more than its bytes where they come one by one.
  let kept = Buffer.alloc(0)
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    const start = size
    size += chunk.length
    if (size > bodyLimit) {
      kept = Buffer.alloc(0)
      held.resize(0)
      continue
    }
    if (size > kept.length) {
      const grown = Buffer.allocUnsafe(Math.min(bodyLimit, Math.max(size, 2 * kept.length)))
      held.resize(grown.length)
      kept.copy(grown)
      kept = grown
    }
    chunk.copy(kept, start)
  }
  return size > bodyLimit ? undefined : kept.toString('utf8', 0, size)
}

function send(response: ServerResponse, { status = 200, type, body, hangUp = false }: HttpAnswer): void {
  if (hangUp) return void response.destroy()
  const isBytes = body instanceof Uint8Array
  const text = typeof body === 'string' || isBytes ? body : `${JSON.stringify(body, null, 2)}\n`
  response.writeHead(status, {
    'content-type': type ?? (typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'),
  })
  response.end(text)
}
