import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { type EndpointAddress, formatSocketAddress } from '#mesh/address.ts'
import type { Peer } from '../peer.ts'
import type { Tunnel, TunnelReply, TunnelStream } from '../tunnel.ts'
import { http2Leg } from './http2-leg.ts'

export class Http2Tunnel implements Tunnel {
  readonly peer: Peer
  readonly keyExchange: string
  readonly #session: ClientHttp2Session
  /** Milliseconds since the epoch; the earlier end of both certificates. */
  readonly #expires: number
  #streams = 0
  #retired = false

  constructor(session: ClientHttp2Session, peer: Peer, keyExchange: string, expires: number) {
    this.#expires = expires
    this.#session = session
    this.peer = peer
    this.keyExchange = keyExchange
    // Its streams report the loss, each to its own connection.
    session.on('error', () => {})
    session.on('goaway', () => {
      this.#retired = true
    })
  }

  get streams(): number {
    return this.#streams
  }

  get usable(): boolean {
    return !this.#retired && !this.#session.closed && !this.#session.destroyed && Date.now() < this.#expires
  }

  open(destination: EndpointAddress): TunnelStream {
    const stream = this.#session.request({
      ':method': 'CONNECT',
      ':authority': formatSocketAddress(destination),
    })
    this.#streams += 1
    stream.once('close', () => {
      this.#streams -= 1
      if (this.#retired && this.#streams === 0) this.#session.close()
    })
    return { leg: http2Leg(stream), reply: replyOf(stream) }
  }

  retire(): void {
    this.#retired = true
    if (this.#streams === 0) this.#session.close()
  }

  destroy(cause: Error): void {
    this.#session.destroy(cause)
  }

  onClosed(listener: () => void): void {
    if (this.#session.destroyed) listener()
    else this.#session.once('close', listener)
  }
}

function replyOf(stream: ClientHttp2Stream): Promise<TunnelReply> {
  return new Promise((resolve) => {
    stream.once('response', (headers) => {
      const status = headers[':status'] ?? 0
      resolve(status === 200 ? { kind: 'connected' } : { kind: 'status', status })
    })
    let cause: Error | undefined
    stream.once('error', (error: Error) => {
      cause = error
    })
    stream.once('close', () => {
      const loss = cause ?? new Error('the tunnel was lost')
      // REFUSED_STREAM, also for a stream above the last one of a GOAWAY: the far end never looked at it.
      const unprocessed = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
      resolve(unprocessed ? { kind: 'unprocessed', cause: loss } : { kind: 'lost', cause: loss })
    })
  })
}
