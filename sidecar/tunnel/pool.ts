import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import { streamsPerTunnel } from './frames/limits.ts'
import type { Peer } from './peer.ts'
import type { Tunnel, TunnelLayer, TunnelTarget } from './tunnel.ts'

/** A tunnel that carried nothing for so long is closed, in milliseconds. */
const idleLimit = 5 * 60_000

/** Tunnels to destinations, shared by the connections that go there. A dial is shared too while it lasts. */
export class TunnelPool {
  readonly #layer: TunnelLayer
  readonly #tunnels = new Map<string, Tunnel[]>()
  readonly #dials = new Map<string, Promise<Tunnel>>()
  /** Streams of a tunnel once all have opened theirs to whom it was handed in this turn of the event loop. */
  readonly #promised = new Map<Tunnel, number>()
  /** When each was last seen to carry something, or was handed out; by a clock that nobody sets. */
  readonly #used = new WeakMap<Tunnel, number>()
  readonly #closing = new AbortController()
  /** Counts certificates and bundles: a dial begun under an older one is not kept. */
  #generation = 0

  constructor(layer: TunnelLayer) {
    this.#layer = layer
  }

  /**
   * A tunnel with room for one more stream, which is kept for the caller until it has had time to open it: no longer
   * than this turn of the event loop. Rejects with a ConnectError.
   */
  async acquire(target: TunnelTarget): Promise<Tunnel> {
    const key = `${target.ip} ${formatSpiffeId(target.identity)}`
    const present = this.#tunnels.get(key)?.find((tunnel) => this.#hasRoom(tunnel))
    if (present) return this.#hand(present)
    const pending = this.#dials.get(key)
    if (pending) {
      const tunnel = await pending
      return this.#hasRoom(tunnel) ? this.#hand(tunnel) : this.acquire(target)
    }
    const dial = this.#dial(key, target)
    this.#dials.set(key, dial)
    try {
      return this.#hand(await dial)
    } finally {
      this.#dials.delete(key)
    }
  }

  /** Lets no tunnel open a new stream, since a certificate or the trust bundle changed. Live streams stay. */
  retireAll(): void {
    this.#generation += 1
    this.retire(() => true)
  }

  /** Lets no tunnel to such a peer open a new stream. */
  retire(isMeant: (peer: Peer) => boolean): void {
    for (const tunnel of [...this.#tunnels.values()].flat()) if (isMeant(tunnel.peer)) tunnel.retire()
  }

  /** Retires every tunnel. Resolves once the last one has ended with its streams, and its peer has read all of it. */
  async end(): Promise<void> {
    const tunnels = [...this.#tunnels.values()].flat()
    this.retireAll()
    await Promise.all(tunnels.map((tunnel) => new Promise<void>((resolve) => tunnel.onClosed(resolve))))
  }

  /** Cuts every tunnel and dial. */
  close(): void {
    const cause = new Error('the sidecar ends')
    this.#closing.abort(cause)
    for (const tunnels of this.#tunnels.values()) for (const tunnel of tunnels) tunnel.destroy(cause)
  }

  /** Who is at the other end of each tunnel that is there. */
  *peers(): Generator<Peer> {
    for (const tunnels of this.#tunnels.values()) for (const { peer } of tunnels) yield peer
  }

  get size(): number {
    let size = 0
    for (const tunnels of this.#tunnels.values()) size += tunnels.length
    return size
  }

  #hasRoom(tunnel: Tunnel): boolean {
    return tunnel.usable && this.#load(tunnel) < streamsPerTunnel
  }

  #load(tunnel: Tunnel): number {
    return Math.max(tunnel.streams, this.#promised.get(tunnel) ?? 0)
  }

  /** Many who wait for one dial go on in the same turn, each before any of the others has opened its stream. */
  #hand(tunnel: Tunnel): Tunnel {
    if (this.#promised.size === 0) setImmediate(() => this.#promised.clear())
    this.#promised.set(tunnel, this.#load(tunnel) + 1)
    this.#used.set(tunnel, performance.now())
    return tunnel
  }

  async #dial(key: string, target: TunnelTarget): Promise<Tunnel> {
    const generation = this.#generation
    const tunnel = await this.#layer.dial(target, this.#closing.signal)
    if (generation !== this.#generation) {
      tunnel.retire()
      return this.#dial(key, target)
    }
    this.#keep(key, tunnel)
    return tunnel
  }

  #keep(key: string, tunnel: Tunnel): void {
    const tunnels = this.#tunnels.get(key) ?? []
    this.#tunnels.set(key, [...tunnels, tunnel])
    this.#used.set(tunnel, performance.now())
    const timer = setInterval(() => {
      if (tunnel.streams > 0) this.#used.set(tunnel, performance.now())
      else if (performance.now() - this.#used.get(tunnel)! >= idleLimit) tunnel.retire()
    }, idleLimit / 10)
    timer.unref()
    tunnel.onClosed(() => {
      clearInterval(timer)
      const left = (this.#tunnels.get(key) ?? []).filter((other) => other !== tunnel)
      if (left.length > 0) this.#tunnels.set(key, left)
      else this.#tunnels.delete(key)
    })
  }
}
