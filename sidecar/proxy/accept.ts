import { createServer, type Server, type Socket } from 'node:net'
import { type OriginalDestination, parseIp, type SocketAddress } from '#mesh/address.ts'
import type { Log } from '#runtime/log.ts'
import { keepAliveDelay } from './dial.ts'
import { closeWithReset } from './linger.ts'
import { originalDestination } from './original-destination.ts'

export interface Accepted {
  readonly socket: Socket
  readonly destination: OriginalDestination
  readonly source: SocketAddress
}

export interface ListenOptions {
  /** Undefined for every address of the pod: of both families, or of IPv4 where the kernel has no IPv6. */
  readonly host: string | undefined
  readonly port: number
  /** Takes a connection that the kernel redirected here. */
  readonly onAccepted: (accepted: Accepted) => void
  /** Told of a connection that nobody redirected; it is reset. */
  readonly onRefused: (error: Error, peer: string) => void
  readonly log: Log
}

/** Listens for redirected connections; rejects with an Error that names the address when it cannot. */
export async function listen({ host, port, onAccepted, onRefused, log }: ListenOptions): Promise<Server> {
  const server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    // Probes find a peer that is gone, and keep conntrack, which drops a half-closed connection after 60 s, from
    // forgetting that this one is redirected.
    keepAlive: true,
    keepAliveInitialDelay: keepAliveDelay,
  })
  server.on('connection', (socket) => {
    // A reset before anybody reads must not be an uncaught error.
    socket.on('error', () => {})
    try {
      const ip = parseIp(socket.remoteAddress ?? '')
      if (!ip) throw new Error('the peer is gone already')
      onAccepted({
        socket,
        destination: originalDestination(socket),
        source: { ip, port: socket.remotePort ?? 0 },
      })
    } catch (error) {
      onRefused(error as Error, socket.remoteAddress ?? 'unknown')
      socket.resetAndDestroy()
    }
  })
  await new Promise<void>((resolve, reject) => {
    const where = host ?? 'any address,'
    server.once('error', (cause) => reject(new Error(`cannot listen on ${where} port ${port}`, { cause })))
    server.listen({ port, host, backlog: 4_096 }, resolve)
  })
  server.removeAllListeners('error')
  // Accepted connections inherit it. When descriptors run out, libuv accepts and closes what waits: by a FIN, a client
  // would have had an empty answer.
  closeWithReset(server)
  // An accept that fails for want of descriptors must not end the process.
  server.on('error', (error) => log.error('accepting connections failed', { port, error }))
  return server
}
