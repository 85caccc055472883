import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { ConnectionLimit, type ConnectionLimitOptions } from './connection-limit.ts'
import type { Listen } from './listen.ts'

export interface DoorOptions extends ConnectionLimitOptions {
  /** Is given each connection that is let in. */
  readonly take: (connection: Socket) => void
}

export interface Door {
  readonly port: number
  /** Lets nobody else in; who is in stays. */
  close(): void
}

/** Listens, and hands on the connections that are within bounds. Rejects with a sentence that names the address. */
export async function openDoor({ host, port }: Listen, { take, ...options }: DoorOptions): Promise<Door> {
  const server = boundConnections(createServer(take), options)
  try {
    await once(server.listen({ port, host }), 'listening')
  } catch (cause) {
    const where = host === undefined ? `port ${port}` : `${host.includes(':') ? `[${host}]` : host}:${port}`
    throw new Error(`cannot listen on ${where}`, { cause })
  }
  // An accept that fails for want of descriptors must not end the process.
  server.on('error', (error) => options.log.error('accepting connections failed', { port, error }))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () => void server.close(),
  }
}

/** Puts the bounds before a server of any kind, TLS included, that listens by itself. Answers the server. */
export function boundConnections<T extends Server>(server: T, options: ConnectionLimitOptions): T {
  const limit = new ConnectionLimit(options)
  // What the server does with a connection is a listener like any other; there is no place to ask before it.
  const served = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (connection) => {
    if (limit.admit(connection)) for (const serve of served) serve.call(server, connection)
  })
  return server
}
