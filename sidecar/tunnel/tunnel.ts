import type { EndpointAddress, IpAddress } from '#mesh/address.ts'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import type { Leg } from '../proxy/leg.ts'
import type { Peer } from './peer.ts'

/** The layer that carries connections inside mutual TLS. Everything above knows only this file. */
export interface TunnelLayer {
  /** Dials and authenticates; rejects with a ConnectError. */
  dial(target: TunnelTarget, signal: AbortSignal): Promise<Tunnel>
}

export interface TunnelTarget {
  /** The destination pod; the tunnel's own port is fixed. */
  readonly ip: IpAddress
  /** Who must answer there. */
  readonly identity: SpiffeId
}

/** The dialling end of one authenticated connection between two pods. */
export interface Tunnel {
  readonly peer: Peer
  /** The TLS key-exchange group, e.g. `X25519MLKEM768`. */
  readonly keyExchange: string
  /** Streams that are open. */
  readonly streams: number
  /** False once either end retired it: it opens no more streams. */
  readonly usable: boolean
  open(destination: EndpointAddress): TunnelStream
  /** Opens nothing more and ends with its last stream. */
  retire(): void
  /** Cuts it with all its streams. */
  destroy(cause: Error): void
  /** Called once, when the connection is gone, and with it all that was written to it. */
  onClosed(listener: () => void): void
}

export interface TunnelStream {
  readonly leg: Leg
  /** Never rejects. */
  readonly reply: Promise<TunnelReply>
}

export type TunnelReply =
  | { readonly kind: 'connected' }
  /** 400, 401, 503 or another refusal of the far end. */
  | { readonly kind: 'status'; readonly status: number }
  /** The far end never looked at the stream, so it can be asked again elsewhere. */
  | { readonly kind: 'unprocessed'; readonly cause: Error }
  /** Lost, and nobody knows how far it got: never asked again. */
  | { readonly kind: 'lost'; readonly cause: Error }

/** A connection that a peer asks for through a tunnel. Answer it exactly once. */
export interface TunnelRequest {
  readonly authority: string
  readonly peer: Peer
  readonly peerIp: IpAddress
  readonly leg: Leg
  accept(): void
  /** 400, 401 or 503; the reason stays on this side. */
  reject(status: 400 | 401 | 503): void
}
