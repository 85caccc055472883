import type { EndpointAddress } from '#mesh/address.ts'
import type { Peer } from '../tunnel/peer.ts'
import type { Tunnel, TunnelLayer, TunnelReply, TunnelStream, TunnelTarget } from '../tunnel/tunnel.ts'
import { FakeLeg } from './fake-leg.ts'

export interface FakeStream extends TunnelStream {
  readonly destination: EndpointAddress
  readonly leg: FakeLeg
  answer(reply: TunnelReply): void
  /** Ends the stream; its tunnel has room for another. */
  close(): void
}

/** A tunnel that nobody is at the other end of but the test. */
export class FakeTunnel implements Tunnel {
  readonly peer: Peer
  readonly keyExchange = 'X25519MLKEM768'
  readonly opened: FakeStream[] = []
  readonly #closed = new Set<() => void>()
  streams = 0
  usable = true
  retired = false
  destroyed: Error | undefined

  constructor({ identity }: Pick<TunnelTarget, 'identity'>, serial = '01') {
    this.peer = { identity, serial, roots: ['root'], notAfter: Number.MAX_SAFE_INTEGER }
  }

  open(destination: EndpointAddress): FakeStream {
    const { promise, resolve } = Promise.withResolvers<TunnelReply>()
    const close = (): void => {
      this.streams -= 1
      if (this.retired && this.streams === 0) this.closes()
    }
    const stream = { destination, leg: new FakeLeg(), reply: promise, answer: resolve, close }
    this.streams += 1
    this.opened.push(stream)
    return stream
  }

  retire(): void {
    this.usable = false
    this.retired = true
    if (this.streams === 0) this.closes()
  }

  destroy(cause: Error): void {
    this.destroyed = cause
    this.closes()
  }

  onClosed(listener: () => void): void {
    this.#closed.add(listener)
  }

  closes(): void {
    this.usable = false
    for (const listener of this.#closed) listener()
    this.#closed.clear()
  }
}

export interface FakeDial {
  readonly target: TunnelTarget
  readonly signal: AbortSignal
  readonly succeed: (tunnel: FakeTunnel) => void
  readonly fail: (error: Error) => void
}

/** A layer whose dials end as the test says: at once through `onDial`, or later through `dials`. */
export class FakeLayer implements TunnelLayer {
  readonly dials: FakeDial[] = []
  readonly tunnels: FakeTunnel[] = []
  readonly #onDial: (dial: FakeDial) => void

  constructor(onDial: (dial: FakeDial) => void = () => {}) {
    this.#onDial = onDial
  }

  dial(target: TunnelTarget, signal: AbortSignal): Promise<Tunnel> {
    const { promise, resolve, reject } = Promise.withResolvers<Tunnel>()
    const succeed = (tunnel: FakeTunnel): void => {
      this.tunnels.push(tunnel)
      resolve(tunnel)
    }
    const dial = { target, signal, succeed, fail: reject }
    this.dials.push(dial)
    this.#onDial(dial)
    return promise
  }
}
