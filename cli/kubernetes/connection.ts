import type { Duplex } from 'node:stream'
import type { KubeConfig } from '@kubernetes/client-node'
import { isMapping } from '#mesh/policy/schema/written.ts'
import { Failure } from '../failure.ts'
import { openPodPort, type PodPort } from './port-forward.ts'
import { type Answer, createRequester, type Method, type Requester } from './request.ts'
import type { Seen } from './seen.ts'

export interface ConnectOptions {
  /** The command that asks, for messages: `weft check`. */
  readonly command: string
  /** A context of the kubeconfig; its current one when undefined. */
  readonly context: string | undefined
}

/** A cluster, through its API server, with the user's own credentials. */
export interface Connection {
  readonly context: string
  readonly server: string
  /** The one that the context is about; undefined when it names none. */
  readonly namespace: string | undefined
  /** An object, or whatever JSON or text is there. */
  get<T>(path: string): Promise<Seen<T>>
  /** Every object of a collection, page by page. */
  list<T>(path: string): Promise<Seen<readonly T[]>>
  /** Any request, and the answer whatever its status is. */
  send(method: Method, path: string, body?: unknown): Promise<Answer>
  /** A connection to a port of a pod's loopback. Rejects when it cannot be had. */
  openPort(port: PodPort): Promise<Duplex>
}

/** Connects as kubectl would. Throws Failure for a kubeconfig that leads nowhere. */
export async function connect({ command, context }: ConnectOptions): Promise<Connection> {
  // It takes a third of a second to load.
  const { KubeConfig } = await import('@kubernetes/client-node')
  const config = new KubeConfig()
  try {
    config.loadFromDefault()
  } catch (cause) {
    throw failure(command, `the kubeconfig cannot be read: ${(cause as Error).message}`, cause)
  }
  if (context !== undefined) choose(config, context, command)
  const cluster = config.getCurrentCluster()
  if (!cluster) throw failure(command, 'the kubeconfig has no current context: choose one with --context')
  const requester = createRequester(config, cluster.server)
  const send: Requester = async (method, path, body) => {
    try {
      return await requester(method, path, body)
    } catch (cause) {
      const why = (cause as Error).message || String((cause as NodeJS.ErrnoException).code)
      const message = `${command}: the API server ${cluster.server} does not answer: ${why}`
      throw new Failure(message, { status: 2, cause, transient: true })
    }
  }
  const get = async <T>(path: string): Promise<Seen<T>> => seenIn<T>(await send('GET', path))
  return {
    context: config.getCurrentContext(),
    server: cluster.server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace || undefined,
    send,
    get,
    list: (path) => list(path, get),
    openPort: (port) => openPodPort(config, port),
  }
}

function choose(config: KubeConfig, context: string, command: string): void {
  const names = config.getContexts().map(({ name }) => name)
  if (!names.includes(context)) {
    throw failure(command, `--context ${context}: the kubeconfig has ${names.join(', ') || 'no context'}`)
  }
  config.setCurrentContext(context)
}

interface Page<T> {
  readonly items?: readonly T[]
  readonly metadata?: { readonly continue?: string }
}

async function list<T>(
  path: string,
  get: (path: string) => Promise<Seen<Page<T>>>,
): Promise<Seen<readonly T[]>> {
  const items: T[] = []
  let next = ''
  do {
    const page = await get(`${path}${path.includes('?') ? '&' : '?'}limit=500${next}`)
    if (page.kind !== 'seen') return page
    items.push(...(page.value.items ?? []))
    const token = page.value.metadata?.continue
    next = token ? `&continue=${encodeURIComponent(token)}` : ''
  } while (next !== '')
  return { kind: 'seen', value: items }
}

function seenIn<T>({ status, body }: Answer): Seen<T> {
  if (status < 300) return { kind: 'seen', value: body as T }
  if (status === 404) return { kind: 'absent' }
  return { kind: 'hidden', why: reasonOf({ status, body }) }
}

/** What the API server says of a request that it did not grant. */
export function reasonOf({ status, body }: Pick<Answer, 'status' | 'body'>): string {
  const message = isMapping(body) ? body['message'] : body
  return typeof message === 'string' && message !== '' ? message : `the API server answered ${status}`
}

function failure(command: string, message: string, cause?: unknown): Failure {
  return new Failure(`${command}: ${message}`, { status: 2, cause })
}
