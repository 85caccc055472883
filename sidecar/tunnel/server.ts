import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { parseIp } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import type { Log } from '#runtime/log.ts'
import type { Counter } from '#runtime/metrics.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import type { ContextSource } from './context-source.ts'
import { type FrameSession, serveFrames } from './frames/server.ts'
import { peerOf } from './peer.ts'
import { handshakeLimit, tlsContext } from './tls-context.ts'
import type { TunnelRequest } from './tunnel.ts'

export interface TunnelServerOptions {
  readonly contexts: ContextSource
  readonly onRequest: (request: TunnelRequest) => void
  readonly log: Log
  /** Handshakes and requests that were refused before a connection came of them, by `reason`. */
  readonly refused: Counter<'reason'>
}

interface Handshake {
  readonly socket: Socket
  /** Begun with a certificate that has been renewed since: its tunnel carries what was asked for meanwhile, no more. */
  stale: boolean
}

/** The accepting end of HBONE, on 15008. Listens only once a certificate and a bundle are there. */
export class TunnelServer {
  readonly #options: TunnelServerOptions
  readonly #sessions = new Set<FrameSession>()
  readonly #handshakes = new Map<string, Handshake>()
  #server: Server | undefined
  #trust: TrustBundle | undefined

  constructor(options: TunnelServerOptions) {
    this.#options = options
  }

  /**
   * Starts to listen, or takes the renewed certificate and bundle: tunnels of the old ones open no new stream. Rejects
   * when it cannot listen; call it again then.
   */
  async refresh(): Promise<void> {
    const { contexts } = this.#options
    const trust = contexts.trust()
    for (const session of this.#sessions) session.close()
    for (const handshake of this.#handshakes.values()) {
      // A root that is gone may have vouched for its peer. A certificate alone is no reason to lose what the peer,
      // whose half of the handshake may be over, has asked for already.
      if (trust === this.#trust) handshake.stale = true
      else handshake.socket.destroy()
    }
    this.#trust = trust
    const context = tlsContext(contexts.certificate(), trust)
    if (this.#server) this.#server.setSecureContext(context)
    else this.#server = await this.#listen(context)
  }

  /** Sends GOAWAY on every tunnel and stops to listen; live streams stay until `cut`. */
  close(): void {
    this.#server?.close()
    for (const session of this.#sessions) session.close()
  }

  /** Cuts what is still there. */
  cut(): void {
    // Without a cause, streams of which our half has ended would tell an end where there is none.
    for (const session of this.#sessions) session.destroy(new Error('the sidecar ends'))
  }

  #listen(context: ReturnType<typeof tlsContext>): Promise<Server> {
    const server = createServer({
      ...context,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
      handshakeTimeout: handshakeLimit,
      noDelay: true,
      keepAlive: true,
      highWaterMark: 64 * 1024,
    })
    server.on('connection', (socket) => {
      const name = endsOf(socket)
      this.#handshakes.set(name, { socket, stale: false })
      socket.once('close', () => this.#handshakes.delete(name))
    })
    server.on('secureConnection', (socket) => this.#accept(socket))
    server.on('tlsClientError', (error, socket) => {
      this.#options.refused.inc({ reason: 'tls_failed' })
      this.#options.log.info('a tunnel was refused', { peer: socket.remoteAddress, error })
    })
    return new Promise((resolve, reject) => {
      server.once('error', (cause) => reject(new Error(`cannot listen on port ${ports.hbone}`, { cause })))
      server.listen(ports.hbone, '::', 4_096, () => {
        server.removeAllListeners('error')
        // An accept that fails for want of descriptors must not end the process.
        server.on('error', (error) => this.#options.log.error('accepting tunnels failed', { error }))
        resolve(server)
      })
    })
  }

  #accept(socket: TLSSocket): void {
    const { contexts, refused, log, onRequest } = this.#options
    socket.on('error', () => {})
    const stale = this.#handshakes.get(endsOf(socket))?.stale
    this.#handshakes.delete(endsOf(socket))
    const peer = peerOf(socket, contexts)
    const peerIp = parseIp(socket.remoteAddress ?? '')
    if (!peer || !peerIp || socket.alpnProtocol !== 'h2') {
      refused.inc({ reason: peer ? 'not_http2' : 'foreign_identity' })
      log.info('a tunnel was refused', { peer: socket.remoteAddress, alpn: socket.alpnProtocol })
      socket.destroy()
      return
    }
    const session = serveFrames(socket, (request) => onRequest({ ...request, peer, peerIp }), {
      onNotConnect: () => refused.inc({ reason: 'not_connect' }),
      onClosed: (error) => {
        clearTimeout(expiry)
        this.#sessions.delete(session)
        if (error) log.debug('a tunnel failed', { peer: peerIp, error })
      },
    })
    // Its live streams may stay; for another one it has to prove itself anew. Timers hold at most 2^31 ms.
    const expiry = setTimeout(
      () => session.close(),
      Math.min(peer.notAfter - Date.now(), 2 ** 31 - 1),
    ).unref()
    this.#sessions.add(session)
    if (stale) session.close()
  }
}

/** Names a connection, by the socket that it came on as by the one that TLS makes of it. */
function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`
}
