import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { ports } from '#mesh/ports.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Credentials } from './credentials/credentials.ts'
import type { Accepted } from './proxy/accept.ts'
import { closeInOrder } from './proxy/linger.ts'
import { missingPart, type View } from './view/view.ts'

export interface ReadinessOptions {
  readonly view: View
  readonly credentials: Credentials
  /** Loopback addresses that redirection must have rules for. */
  readonly loopbacks: readonly string[]
}

/**
 * Whether this pod may be sent to: it has everything that it needs to admit and to dial, and has seen the kernel
 * redirect in both directions. A pod whose rules are missing never becomes ready.
 */
export class Readiness {
  readonly #options: ReadinessOptions
  readonly #capturedOutbound = new Set<string>()
  #capturedInbound = false
  #listening = false
  #draining = false

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** What is still missing, as a sentence's object; undefined when ready. */
  missing(): string | undefined {
    if (!this.#capturedInbound) return 'a startup probe on port 15099, which shows that inbound is redirected'
    return this.#missingOfOwn()
  }

  listening(): void {
    this.#listening = true
  }

  drain(): void {
    this.#draining = true
  }

  /** Dials the canary until the kernel brings every dial back to the outbound listener. */
  async verifyOutbound(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#uncaptured() !== undefined) {
      for (const host of this.#options.loopbacks) dialCanary(host)
      await sleep(this.#capturedOutbound.size === 0 ? 20 : 200, signal)
    }
  }

  /** Takes a canary that the outbound listener received; false for any other connection. */
  takeOutbound({ socket, destination }: Accepted): boolean {
    if (destination.port !== ports.canary || !this.#options.loopbacks.includes(destination.ip)) return false
    this.#capturedOutbound.add(destination.ip)
    socket.destroy()
    return true
  }

  /**
   * Takes a startup probe that the inbound listener received for the canary's port, where nothing listens: only
   * redirection can have brought it. Answers it as HTTP. False for any other connection.
   */
  takeInbound({ socket, destination }: Accepted): boolean {
    if (destination.port !== ports.canary) return false
    this.#capturedInbound = true
    answerProbe(socket, this.missing())
    return true
  }

  #missingOfOwn(): string | undefined {
    if (this.#draining) return 'nothing: it is draining'
    const { view, credentials } = this.#options
    const host = this.#uncaptured()
    if (host !== undefined) return `redirection of ${host}: is weft-init missing, or ip6tables?`
    const certificate = credentials.current()
    if (!certificate || certificate.notAfter <= Date.now()) return 'a certificate'
    return missingPart(view.current()) ?? (this.#listening ? undefined : 'the tunnel listener')
  }

  #uncaptured(): string | undefined {
    return this.#options.loopbacks.find((host) => !this.#capturedOutbound.has(host))
  }
}

function dialCanary(host: string): void {
  const socket = connect({ host, port: ports.canary, timeout: 1_000 })
  socket.on('error', () => {})
  socket.on('timeout', () => socket.destroy())
  socket.on('end', () => socket.destroy())
}

/** A whole answer to whatever GET the kubelet sent; the request itself says nothing that matters. */
function answerProbe(socket: Socket, missing: string | undefined): void {
  closeInOrder(socket)
  socket.resume()
  const body = missing === undefined ? 'ready\n' : `waits for ${missing}\n`
  const status = missing === undefined ? '200 OK' : '503 Service Unavailable'
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  )
  // Its other half is of no interest, and must not stay open for ever.
  setTimeout(() => socket.destroy(), 1_000).unref()
}
