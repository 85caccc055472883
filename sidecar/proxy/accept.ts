import { createServer, type Server, type Socket } from 'node:net'
import { type OriginalDestination, parseIp, type SocketAddress } from '#mesh/address.ts'
import type { Log } from '#runtime/log.ts'
import { originalDestination } from './original-destination.ts'

export interface Accepted {
  readonly socket: Socket
  readonly destination: OriginalDestination
  readonly source: SocketAddress
}

export interface ListenOptions {
  readonly host: string
  readonly port: number
  /** Takes a connection that the kernel redirected here. */
  readonly onAccepted: (accepted: Accepted) => void
  /** Told of a connection that nobody redirected; it is reset. */
  readonly onRefused: (error: Error, peer: string) => void
  readonly log: Log
}

/** Listens for redirected connections; rejects with an Error that names the address when it cannot. */
export async function listen({ host, port, onAccepted, onRefused, log }: ListenOptions): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, keepAlive: true })
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
    server.once('error', (cause) => reject(new Error(`cannot listen on ${host} port ${port}`, { cause })))
    server.listen(port, host, 4_096, resolve)
  })
  server.removeAllListeners('error')
  // An accept that fails for want of descriptors must not end the process.
  server.on('error', (error) => log.error('accepting connections failed', { port, error }))
  return server
}
