import { connect, type Server, type TLSSocket } from 'node:tls'
import type { EndpointAddress, IpAddress } from '#mesh/address.ts'
import { parseSocketAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import type { ContextSource } from '../../context-source.ts'
import { tlsContext } from '../../tls-context.ts'
import type { Tunnel, TunnelLayer } from '../../tunnel.ts'
import { preface } from '../protocol.ts'
import type { FrameRequest } from '../server.ts'
import { contextSource, plainContexts, serverIdentity } from './contexts.ts'
import { type LayerUnderTest, listenTls, type ServedTunnel } from './layers.ts'
import { frameCollector, type SeenFrame } from './raw-peer.ts'

export const anyDestination = parseSocketAddress('10.0.0.1:80') as EndpointAddress

const plain = await plainContexts()
export const clientContexts = contextSource(plain.client)
export const serverContexts = contextSource(plain.server)

let addresses = 0

/** An address of loopback that nobody else uses, in this process or another. */
export function freshAddress(): IpAddress {
  addresses += 1
  return `127.${64 + (process.pid % 64)}.${(process.pid >> 6) % 250}.${addresses}` as IpAddress
}

/** Dials what listens at an address. */
export function dial(layer: TunnelLayer, ip: IpAddress): Promise<Tunnel> {
  return layer.dial({ ip, identity: serverIdentity }, AbortSignal.timeout(5_000))
}

export interface TunnelPair extends AsyncDisposable {
  readonly tunnel: Tunnel
  readonly served: ServedTunnel
  /** The next request that the accepting end gets. */
  request(): Promise<FrameRequest>
  /** What has passed between the ends, by direction. */
  readonly sent: SeenFrame[]
  readonly received: SeenFrame[]
}

/** A tunnel over real TLS sockets, with something in its middle that reads along. */
export async function tunnelPair(client: LayerUnderTest, server: LayerUnderTest): Promise<TunnelPair> {
  const requests: FrameRequest[] = []
  const waiting: ((request: FrameRequest) => void)[] = []
  const { promise: served, resolve: onServed } = Promise.withResolvers<ServedTunnel>()
  const address = freshAddress()
  const listener = await listenTls(serverContexts, address, (socket) => {
    onServed(
      server.serve(socket, (request) => {
        const next = waiting.shift()
        if (next) next(request)
        else requests.push(request)
      }),
    )
  })
  const tapped = freshAddress()
  const sent: SeenFrame[] = []
  const received: SeenFrame[] = []
  const tap = await tapAt(tapped, address, serverContexts, sent, received)
  const tunnel = await dial(client.layer(clientContexts), tapped)
  return {
    tunnel,
    served: await served,
    sent,
    received,
    request: () => {
      const present = requests.shift()
      return present ? Promise.resolve(present) : new Promise((resolve) => waiting.push(resolve))
    },
    async [Symbol.asyncDispose]() {
      tunnel.destroy(new Error('the test is over'))
      ;(await served).cut()
      listener.close()
      tap.close()
    },
  }
}

/** Decrypts, writes down and passes on; a lost connection on one side is one on the other. */
function tapAt(
  at: IpAddress,
  to: IpAddress,
  contexts: ContextSource,
  sent: SeenFrame[],
  received: SeenFrame[],
): Promise<Server> {
  return listenTls(contexts, at, (near) => {
    const far = connect({
      ...tlsContext(clientContexts.certificate(), clientContexts.trust()),
      host: to,
      port: ports.hbone,
      ALPNProtocols: ['h2'],
      checkServerIdentity: () => undefined,
    })
    carry(
      near,
      far,
      frameCollector((frame) => void sent.push(frame)),
      preface.length,
    )
    carry(
      far,
      near,
      frameCollector((frame) => void received.push(frame)),
      0,
    )
  })
}

function carry(from: TLSSocket, to: TLSSocket, collect: (bytes: Buffer) => void, skipped: number): void {
  let left = skipped
  from.on('error', () => {})
  from.on('data', (bytes: Buffer) => {
    const passed = Math.min(left, bytes.length)
    left -= passed
    collect(bytes.subarray(passed))
    if (!to.write(bytes)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('close', () => to.destroySoon())
}
