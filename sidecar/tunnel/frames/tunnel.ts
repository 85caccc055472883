import type { Duplex } from 'node:stream'
import { type EndpointAddress, formatSocketAddress } from '#mesh/address.ts'
import { BufferBudget } from '../buffer-budget.ts'
import type { Peer } from '../peer.ts'
import type { Tunnel, TunnelReply, TunnelStream } from '../tunnel.ts'
import { FrameConnection, type Loss } from './connection.ts'
import type { Field } from './hpack/static-table.ts'
import { defaultLimits, type FrameLimits } from './limits.ts'
import { watchLiveness } from './liveness.ts'
import { parseStatus } from './message.ts'
import type { FrameStream } from './stream.ts'

const connect: Field = { name: ':method', value: 'CONNECT' }

export interface FrameTunnelOptions {
  readonly peer: Peer
  readonly keyExchange: string
  /** Milliseconds since the epoch; the earlier end of both certificates. */
  readonly expires: number
  readonly limits?: FrameLimits
  /** The process's own; one for this connection alone unless given. */
  readonly buffers?: BufferBudget
}

/** The dialling end of a tunnel whose frames are our own. */
export class FrameTunnel implements Tunnel {
  readonly peer: Peer
  readonly keyExchange: string
  readonly #expires: number
  readonly #connection: FrameConnection
  readonly #answers = new Map<FrameStream, (reply: TunnelReply) => void>()
  readonly #closedListeners: (() => void)[] = []
  readonly #socket: Duplex
  #retired = false
  #closed = false

  constructor(
    socket: Duplex,
    { peer, keyExchange, expires, limits = defaultLimits, buffers = new BufferBudget() }: FrameTunnelOptions,
  ) {
    this.#socket = socket
    this.peer = peer
    this.keyExchange = keyExchange
    this.#expires = expires
    const end = {
      role: 'client' as const,
      guard: undefined,
      head: (stream: FrameStream, fields: readonly Field[] | undefined) => this.#head(stream, fields),
      gone: (stream: FrameStream, loss: Loss | undefined) => this.#gone(stream, loss),
      retired: () => {
        this.#retired = true
      },
      closed: () => {
        this.#closed = true
        stopWatching()
      },
    }
    socket.once('close', () => {
      for (const listener of this.#closedListeners.splice(0)) listener()
    })
    this.#connection = new FrameConnection(socket, end, limits, buffers)
    const stopWatching = watchLiveness(this.#connection)
  }

  get streams(): number {
    return this.#connection.size
  }

  get usable(): boolean {
    return !this.#retired && !this.#closed && Date.now() < this.#expires
  }

  open(destination: EndpointAddress): TunnelStream {
    const authority: Field = { name: ':authority', value: formatSocketAddress(destination) }
    const leg = this.#connection.open([connect, authority])
    const reply = new Promise<TunnelReply>((resolve) => this.#answers.set(leg, resolve))
    return { leg, reply }
  }

  retire(): void {
    this.#connection.close()
  }

  destroy(cause: Error): void {
    this.#connection.destroy(cause)
  }

  onClosed(listener: () => void): void {
    if (this.#socket.closed) listener()
    else this.#closedListeners.push(listener)
  }

  #head(stream: FrameStream, fields: readonly Field[] | undefined): boolean | undefined {
    const status = fields && parseStatus(fields)
    if (status === undefined) return undefined
    if (status < 200) return false
    this.#answer(stream, status === 200 ? { kind: 'connected' } : { kind: 'status', status })
    return true
  }

  #gone(stream: FrameStream, loss: Loss | undefined): void {
    if (!this.#answers.has(stream)) return
    const { cause, unprocessed } = loss ?? { cause: new Error('the stream is over'), unprocessed: false }
    this.#answer(stream, { kind: unprocessed ? 'unprocessed' : 'lost', cause })
  }

  #answer(stream: FrameStream, reply: TunnelReply): void {
    this.#answers.get(stream)?.(reply)
    this.#answers.delete(stream)
  }
}
