import type { Socket } from 'node:net'

interface Handshake {
  readonly socket: Socket
  readonly from: string
  readonly timer: NodeJS.Timeout
  /** Begun with a certificate that has been renewed since: its tunnel carries what was asked for meanwhile, no more. */
  stale: boolean
}

export interface HandshakesOptions {
  /** At once, altogether; an eighth of it from one address. */
  readonly most: number
  /** How long one may take, in milliseconds. Node's own limit is one of silence, and a byte now and then outlasts it. */
  readonly limit: number
  /** Told of one that took longer; it is cut. */
  readonly onLate: (socket: Socket) => void
  /** Told of each that is over, however. */
  readonly onOver?: () => void
}

/**
 * Connections whose peer has not yet proved who it is. They are bounded by address too, so that nobody who merely
 * connects keeps the others out.
 */
export class Handshakes {
  readonly #options: HandshakesOptions
  readonly #mostOfOne: number
  readonly #pending = new Map<string, Handshake>()
  readonly #byAddress = new Map<string, number>()

  constructor(options: HandshakesOptions) {
    this.#options = options
    this.#mostOfOne = Math.max(1, Math.floor(options.most / 8))
  }

  get size(): number {
    return this.#pending.size
  }

  /** Takes a connection in; false when there is no room for it. */
  begin(socket: Socket): boolean {
    const from = socket.remoteAddress ?? ''
    const ofOne = this.#byAddress.get(from) ?? 0
    const { most, limit, onLate } = this.#options
    if (this.#pending.size >= most || ofOne >= this.#mostOfOne) return false
    const name = endsOf(socket)
    const cut = (): void => {
      onLate(socket)
      this.#drop(name)
      socket.destroy()
    }
    const timer = setTimeout(cut, limit).unref()
    this.#pending.set(name, { socket, from, timer, stale: false })
    this.#byAddress.set(from, ofOne + 1)
    socket.once('close', () => {
      if (this.#pending.get(name)?.socket === socket) this.#drop(name)
    })
    return true
  }

  /** A handshake is over, by the socket that TLS made; answers whether it was begun with an older certificate. */
  end(socket: Socket): { readonly stale: boolean } {
    const name = endsOf(socket)
    const stale = this.#pending.get(name)?.stale ?? false
    this.#drop(name)
    return { stale }
  }

  /** Marks those that are under way as begun with an older certificate. */
  age(): void {
    for (const handshake of this.#pending.values()) handshake.stale = true
  }

  /** Cuts those that are under way. */
  cut(): void {
    for (const { socket } of this.#pending.values()) socket.destroy()
  }

  #drop(name: string): void {
    const handshake = this.#pending.get(name)
    if (!handshake) return
    clearTimeout(handshake.timer)
    this.#pending.delete(name)
    const left = (this.#byAddress.get(handshake.from) ?? 1) - 1
    if (left > 0) this.#byAddress.set(handshake.from, left)
    else this.#byAddress.delete(handshake.from)
    this.#options.onOver?.()
  }
}

/** Names a connection, by the socket that it came on as by the one that TLS makes of it. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
