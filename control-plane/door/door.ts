import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { HostPort } from '#runtime/env.ts'
import type { Log } from '#runtime/log.ts'
import { RateLimit } from '../authority/rate-limit.ts'
import type { DoorMetrics } from './metrics.ts'

/** What a node has that hides its pods behind its own address: two connections of each of 110 pods, and some. */
export const mostOfOneAddress = 256

export interface DoorOptions {
  /** Connections of one address that may be open; Infinity where the network hides the addresses of pods. */
  readonly most: number
  /** Is given each connection that is let in. */
  readonly take: (connection: Socket) => void
  readonly metrics: DoorMetrics
  readonly log: Log
}

export interface Door {
  readonly port: number
  /** Lets nobody else in; who is in stays. */
  close(): void
}

/**
 * Listens, and resets what comes from an address that has enough connections: one that is open costs memory and a
 * descriptor before anybody has shown a token. Rejects with a sentence that names the address.
 */
export async function openDoor(
  { host, port }: HostPort,
  { most, take, metrics, log }: DoorOptions,
): Promise<Door> {
  const open = new Map<string, number>()
  // One line a minute and address.
  const told = new RateLimit({ burst: 1, perSecond: 1 / 60 })
  const server = createServer((connection) => {
    const address = connection.remoteAddress
    // It is gone already.
    if (address === undefined) return void connection.destroy()
    const count = (open.get(address) ?? 0) + 1
    if (count > most) {
      metrics.refused.inc({ reason: 'too_many_connections' })
      if (told.take(address)) {
        log.warn('an address has too many connections; others from it are reset', { address, most })
      }
      connection.on('error', () => {}).resetAndDestroy()
      return
    }
    open.set(address, count)
    metrics.open.inc()
    connection.once('close', () => {
      const left = open.get(address)! - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
      metrics.open.dec()
    })
    take(connection)
  })
  try {
    await once(server.listen(port, host), 'listening')
  } catch (cause) {
    throw new Error(`cannot listen on ${host.includes(':') ? `[${host}]` : host}:${port}`, { cause })
  }
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    close: () => void server.close(),
  }
}
