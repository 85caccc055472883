import { type EndpointAddress, formatSocketAddress, type SocketAddress } from '#mesh/address.ts'
import type { BufferBudget } from '../tunnel/buffer-budget.ts'
import type { View } from '../view/view.ts'
import { ConnectionRecord, type Direction } from './record.ts'
import type { Refusal } from './refusal.ts'

/** Live connections are checked again so often even when nothing changes: certificates and roots age. Milliseconds. */
const recheckInterval = 60_000
/** How long a live connection outlasts a policy that is named and missing, in milliseconds. */
export const missingPolicyGrace = 1_000

export interface ConnectionsOptions {
  readonly view: View
  /** Told every connection once, when it is over. */
  readonly report: (record: ConnectionRecord) => void
  /** Told every connection that reached its other end, once. */
  readonly connected: (record: ConnectionRecord) => void
  /** Told every connection that a dry-run policy would deny, once for each policy. */
  readonly wouldDeny?: (record: ConnectionRecord, policy: string) => void
  /** What there is room for; without it, for any number. */
  readonly room?: Room
}

export interface Room {
  /** Connections at once. */
  readonly most: Readonly<Record<Direction, number>>
  /** Their file descriptors: two where both sides are TCP, one where the other side is a stream of a tunnel. */
  readonly descriptors: number
  readonly buffers: Pick<BufferBudget, 'exhausted' | 'held' | 'limit'>
}

/** Who is connected now. Every change of the view re-evaluates every live connection. */
export class Connections {
  readonly #options: ConnectionsOptions
  readonly #live = new Map<number, ConnectionRecord>()
  readonly #counts: Record<Direction, number> = { inbound: 0, outbound: 0 }
  /** Connections that have TCP on both sides. */
  #plain = 0
  readonly #load = new Map<string, number>()
  #nextId = 1
  #waitingForIdle: (() => void)[] = []

  constructor(options: ConnectionsOptions) {
    this.#options = options
    const recheck = (): void => this.#recheck()
    options.view.onChange(() => {
      this.#recheck()
      // What a missing policy would deny is asked again when its grace is over.
      if (options.view.current().policies.missing.length > 0)
        setTimeout(recheck, missingPolicyGrace + 10).unref()
    })
    setInterval(recheck, recheckInterval).unref()
  }

  open(direction: Direction, source: Omit<ConnectionRecord['source'], 'workload'>): ConnectionRecord {
    const workload = this.#options.view.current().workloadAt(source.ip)
    const record = new ConnectionRecord(
      this.#nextId++,
      direction,
      { ...source, workload },
      {
        connected: (reached) => {
          if (!reached.peer) this.#plain += 1
          this.#options.connected(reached)
        },
        disposed: (done) => this.#close(done),
        wouldDeny: (tried, policy) => this.#options.wouldDeny?.(tried, policy),
      },
    )
    this.#live.set(record.id, record)
    this.#counts[direction] += 1
    return record
  }

  /** Why there is no room for a connection that was just opened; undefined when there is. */
  full({ direction }: ConnectionRecord): Refusal | undefined {
    const { room } = this.#options
    if (!room) return undefined
    const limit = room.most[direction]
    if (this.#counts[direction] > limit) return { kind: 'connection_limit', direction, limit }
    if (this.#live.size + this.#plain > room.descriptors) {
      return { kind: 'descriptor_limit', limit: room.descriptors }
    }
    const { exhausted, held, limit: bytes } = room.buffers
    return exhausted ? { kind: 'overloaded', held, limit: bytes } : undefined
  }

  /** How many there are in a direction, those that are being refused included. */
  count(direction: Direction): number {
    return this.#counts[direction]
  }

  live(): IterableIterator<ConnectionRecord> {
    return this.#live.values()
  }

  get size(): number {
    return this.#live.size
  }

  /** Connections that are being made or open to an endpoint, from here. */
  load(endpoint: SocketAddress): number {
    return this.#load.get(formatSocketAddress(endpoint)) ?? 0
  }

  /** Counts a connection towards an endpoint's load, and no longer towards the one it was sent to before. */
  assign(record: ConnectionRecord, endpoint: EndpointAddress): void {
    this.#unload(record)
    record.endpoint = endpoint
    this.#load.set(formatSocketAddress(endpoint), this.load(endpoint) + 1)
  }

  cutAll(refusal: Refusal): void {
    for (const record of this.#live.values()) record.cut(refusal)
  }

  /** Resolves when nothing is connected. */
  idle(): Promise<void> {
    if (this.#live.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waitingForIdle.push(resolve))
  }

  #unload({ endpoint }: ConnectionRecord): void {
    if (!endpoint) return
    const left = this.load(endpoint) - 1
    if (left > 0) this.#load.set(formatSocketAddress(endpoint), left)
    else this.#load.delete(formatSocketAddress(endpoint))
  }

  #recheck(): void {
    for (const record of this.#live.values()) record.recheck()
  }

  #close(record: ConnectionRecord): void {
    if (!this.#live.delete(record.id)) return
    this.#counts[record.direction] -= 1
    if (record.connectMs !== undefined && !record.peer) this.#plain -= 1
    this.#unload(record)
    this.#options.report(record)
    if (this.#live.size > 0) return
    for (const resolve of this.#waitingForIdle.splice(0)) resolve()
  }
}
