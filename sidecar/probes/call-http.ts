import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import { formatSocketAddress, type IpAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import type { HttpCall } from '#mesh/probes.ts'
import { type CallOutcome, failed, type TalkingOptions } from './call.ts'

/** A GET as the kubelet sends it: no certificate verified, redirects followed as long as they stay at this pod. */
export async function callHttp(call: HttpCall, options: TalkingOptions): Promise<CallOutcome> {
  const { ip, signal, userAgent } = options
  let url = new URL(`${call.scheme}://${formatSocketAddress({ ip, port: call.port })}${call.path}`)
  try {
    for (let hop = 0; hop < redirectLimit; hop++) {
      const { status, location } = await get(url, ip, headersOf(call, url, userAgent), signal)
      const next = isRedirect(status) ? within(url, location) : undefined
      if (!next) return status < 200 ? { kind: 'bad' } : { kind: 'answered', status }
      url = next
    }
    return { kind: 'bad' }
  } catch (error) {
    const isHook = call.timeout === undefined
    if (isHook && call.scheme === 'https' && spokePlaintext(error)) {
      // Hooks were asked by http whatever they said, and the kubelet still makes up for that.
      return await callHttp({ ...call, scheme: 'http' }, options)
    }
    return failed(signal)
  }
}

/** OpenSSL read the beginning of an HTTP answer as a record of TLS. */
function spokePlaintext(error: unknown): boolean {
  return error instanceof Error && error.message.includes('wrong version number')
}

const redirectLimit = 10

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

/** Where a redirect leads, if it stays at this pod's application; to go elsewhere is an answer like any other. */
function within(from: URL, location: string | undefined): URL | undefined {
  const to = location === undefined ? null : URL.parse(location, from.href)
  if (!to || to.hostname !== from.hostname || !['http:', 'https:'].includes(to.protocol)) return undefined
  return ownPorts.includes(portOf(to)) ? undefined : to
}

const ownPorts: readonly number[] = Object.values(ports)

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

/** Bytes of an answer that the kubelet waits for. */
const bodyLimit = 10 * 1_024

interface Got {
  readonly status: number
  readonly location: string | undefined
}

function get(url: URL, ip: IpAddress, headers: readonly string[], signal: AbortSignal): Promise<Got> {
  const { promise, resolve, reject } = Promise.withResolvers<Got>()
  const secure = url.protocol === 'https:'
  // An import of either would load it in every sidecar, and undici with it; most pods have no such probe.
  const { request } = secure ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http')
  const options: RequestOptions = {
    host: ip,
    port: portOf(url),
    path: url.pathname + url.search,
    headers,
    signal,
    agent: false,
    ...(secure && { rejectUnauthorized: false, servername: '' }),
  }
  const sent = request(options, (response: IncomingMessage) => {
    const got = { status: response.statusCode ?? 0, location: response.headers.location }
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > bodyLimit) response.destroy()
    })
    response.on('end', () => resolve(got))
    // One that is cut short by the application is no answer; one that we cut, having read enough, is.
    response.on('close', () => (size > bodyLimit ? resolve(got) : reject(new Error('the answer broke off'))))
    response.on('error', reject)
  })
  sent.on('error', reject)
  sent.end()
  return promise
}

/** Names and values in turn, since one name may come twice. Written as empty, these three are as if left out. */
function headersOf({ headers }: HttpCall, { host }: URL, userAgent: string | undefined): string[] {
  const written = (name: string) => headers.find(([each]) => each.toLowerCase() === name)?.[1]
  const rest = headers.filter(
    ([name]) => !['host', 'user-agent', 'accept', ...framing].includes(name.toLowerCase()),
  )
  const own = [
    ['Host', written('host') || host],
    ['User-Agent', written('user-agent') ?? userAgent ?? ''],
    ['Accept', written('accept') ?? '*/*'],
    ['Connection', 'close'],
  ] as const
  return [...own.filter(([, value]) => value !== ''), ...rest].flat()
}

/** Of these a GET without a body has none, whatever is written. */
const framing = ['connection', 'content-length', 'transfer-encoding', 'trailer']
