import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { type IpAddress, parseIp } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import type { Log } from '#runtime/log.ts'
import type { Counter } from '#runtime/metrics.ts'
import type { ContextSource } from './context-source.ts'
import { http2Leg } from './http2-leg.ts'
import { connectionWindow, http2Limits, http2Settings } from './http2-settings.ts'
import { watchLiveness } from './liveness.ts'
import { type Peer, peerOf } from './peer.ts'
import { handshakeLimit, tlsContext } from './tls-context.ts'
import type { TunnelRequest } from './tunnel.ts'

export interface TunnelServerOptions {
  readonly contexts: ContextSource
  readonly onRequest: (request: TunnelRequest) => void
  readonly log: Log
  /** Handshakes and requests that were refused before a connection came of them, by `reason`. */
  readonly refused: Counter<'reason'>
}

/** The accepting end of HBONE, on 15008. Listens only once a certificate and a bundle are there. */
export class TunnelServer {
  readonly #options: TunnelServerOptions
  readonly #sessions = new Set<ServerHttp2Session>()
  #server: Server | undefined

  constructor(options: TunnelServerOptions) {
    this.#options = options
  }

  /** Starts to listen, or takes the renewed certificate and bundle: tunnels of the old one open no new stream. */
  async refresh(): Promise<void> {
    const { contexts } = this.#options
    const context = tlsContext(contexts.certificate(), contexts.trust())
    if (!this.#server) return this.#listen(context)
    this.#server.setSecureContext(context)
    for (const session of this.#sessions) session.close()
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

  #listen(context: ReturnType<typeof tlsContext>): Promise<void> {
    const server = createServer({
      ...context,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
      handshakeTimeout: handshakeLimit,
      noDelay: true,
      highWaterMark: 64 * 1024,
    })
    this.#server = server
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
        resolve()
      })
    })
  }

  #accept(socket: TLSSocket): void {
    const peer = peerOf(socket, this.#options.contexts)
    const peerIp = plainIp(socket.remoteAddress)
    if (!peer || !peerIp || socket.alpnProtocol !== 'h2') {
      this.#options.refused.inc({ reason: peer ? 'not_http2' : 'foreign_identity' })
      this.#options.log.info('a tunnel was refused', {
        peer: socket.remoteAddress,
        alpn: socket.alpnProtocol,
      })
      socket.destroy()
      return
    }
    const session = performServerHandshake(socket, { ...http2Limits, settings: http2Settings })
    session.setLocalWindowSize(connectionWindow)
    this.#sessions.add(session)
    session.once('close', () => this.#sessions.delete(session))
    session.on('error', (error) => this.#options.log.debug('a tunnel failed', { peer: peerIp, error }))
    session.on('stream', (stream, headers) => this.#request(stream, headers, peer, peerIp))
    watchLiveness(session)
  }

  #request(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: Peer, peerIp: IpAddress): void {
    stream.on('error', () => {})
    if (Date.now() >= peer.notAfter) {
      // Its live streams may stay; for another one it has to prove itself anew.
      this.#options.refused.inc({ reason: 'expired' })
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
      stream.session?.close()
      return
    }
    const authority = headers[':authority']
    if (headers[':method'] !== 'CONNECT' || authority === undefined) {
      this.#options.refused.inc({ reason: 'not_connect' })
      reject(stream, 400)
      return
    }
    this.#options.onRequest({
      authority,
      peer,
      peerIp,
      leg: http2Leg(stream),
      accept: () => {
        if (!stream.destroyed && !stream.headersSent) stream.respond({ ':status': 200 })
      },
      reject: (status) => reject(stream, status),
    })
  }
}

/** Answers, then stops the peer from sending: RFC 9113, 8.1 allows RST NO_ERROR behind a whole answer. */
function reject(stream: ServerHttp2Stream, status: 400 | 401 | 503): void {
  if (stream.destroyed || stream.headersSent) return
  stream.respond({ ':status': status }, { endStream: true })
  stream.close()
}

function plainIp(address: string | undefined): IpAddress | undefined {
  return address === undefined ? undefined : parseIp(address)
}
