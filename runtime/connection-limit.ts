import type { Socket } from 'node:net'
import type { DoorMetrics } from './door-metrics.ts'
import type { Log } from './log.ts'
import { RateLimit } from './rate-limit.ts'

export interface ConnectionBounds {
  /** Connections of one address that may be open; Infinity where the network hides addresses. */
  readonly ofOneAddress: number
  /** Connections of all addresses; no bound by default. */
  readonly together?: number
}

export interface ConnectionLimitOptions extends ConnectionBounds {
  /** Where connections are counted; nowhere by default. */
  readonly metrics?: DoorMetrics
  readonly log: Log
}

/**
 * Counts connections by address, and resets those that are too many: one that is open costs memory and a descriptor
 * before anybody has shown who it is.
 */
export class ConnectionLimit {
  readonly #options: ConnectionLimitOptions
  /** By address; the connection that was let in first is the first. */
  readonly #open = new Map<string, Set<Socket>>()
  /** One line a minute and address. */
  readonly #told = new RateLimit({ burst: 1, perSecond: 1 / 60 })
  #count = 0

  constructor(options: ConnectionLimitOptions) {
    this.#options = options
  }

  /** Whether the connection is let in; it is ended otherwise. */
  admit(connection: Socket): boolean {
    const { ofOneAddress, together = Number.POSITIVE_INFINITY } = this.#options
    const address = connection.remoteAddress
    if (address === undefined) {
      // It is gone already.
      connection.destroy()
      return false
    }
    const open = this.#open.get(address) ?? new Set()
    if (open.size >= ofOneAddress) {
      this.#reset(connection, address, 'too_many_connections')
      return false
    }
    if (this.#count >= together) this.#makeRoom()
    this.#open.set(address, open.add(connection))
    this.#count++
    this.#options.metrics?.open.inc()
    connection.once('close', () => this.#forget(connection, address))
    return true
  }

  /** Whoever has most gives up its oldest, so that one that fills the place keeps nobody else out. */
  #makeRoom(): void {
    const [address, open] = [...this.#open].reduce((most, each) =>
      each[1].size > most[1].size ? each : most,
    )
    const [oldest] = open
    if (!oldest) return
    this.#forget(oldest, address)
    this.#reset(oldest, address, 'made_room')
  }

  #reset(connection: Socket, address: string, reason: 'too_many_connections' | 'made_room'): void {
    const { metrics, log, ofOneAddress, together } = this.#options
    metrics?.refused.inc({ reason })
    if (this.#told.take(address)) {
      const most = reason === 'made_room' ? together : ofOneAddress
      log.warn('an address has too many connections; some of it are reset', { address, reason, most })
    }
    connection.on('error', () => {}).resetAndDestroy()
  }

  #forget(connection: Socket, address: string): void {
    const open = this.#open.get(address)
    if (!open?.delete(connection)) return
    if (open.size === 0) this.#open.delete(address)
    this.#count--
    this.#options.metrics?.open.dec()
  }
}
