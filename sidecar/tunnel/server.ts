import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { type IpAddress, parseIp } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import type { Log } from '#runtime/log.ts'
import type { Counter } from '#runtime/metrics.ts'
import { defaultLimits, type Limits } from '../limits.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import { BufferBudget } from './buffer-budget.ts'
import type { ContextSource } from './context-source.ts'
import { Budget } from './frames/budget.ts'
import { ConnectionFault } from './frames/connection-fault.ts'
import { nameOfError } from './frames/protocol.ts'
import { type FrameSession, serveFrames } from './frames/server.ts'
import { Handshakes } from './handshakes.ts'
import { isRevoked, type Peer, peerOf } from './peer.ts'
import { PeerBudgets } from './peer-budgets.ts'
import { handshakeLimit, tlsContext } from './tls-context.ts'
import type { TunnelRequest } from './tunnel.ts'

export interface TunnelServerOptions {
  readonly contexts: ContextSource
  readonly onRequest: (request: TunnelRequest) => void
  readonly log: Log
  /** Handshakes, tunnels, streams and requests that were refused before a connection came of them, by `reason`. */
  readonly refused: Counter<'reason'>
  readonly limits?: Limits
  /** The process's own. */
  readonly buffers?: BufferBudget
}

/** The accepting end of HBONE, on 15008. Listens only once a certificate and a bundle are there. */
export class TunnelServer {
  readonly #options: TunnelServerOptions
  readonly #limits: Limits
  readonly #buffers: BufferBudget
  readonly #peers: PeerBudgets
  readonly #handshakes: Handshakes
  readonly #sessions = new Map<FrameSession, Peer>()
  /** Lines about refusals: whoever floods the port must not flood the log. */
  readonly #lines = new Budget(100, 10)
  /** Cut by us, and not told by Node yet. */
  #lateHandshakes = 0
  #tls: TlsServer | undefined
  #listener: Server | undefined
  #trust: TrustBundle | undefined
  /** Connections of tunnels, until both ends have closed them: what was written last may not have been read yet. */
  readonly #sockets = new Set<TLSSocket>()
  #onLastClosed = (): void => {}

  constructor(options: TunnelServerOptions) {
    const { limits = defaultLimits, buffers = new BufferBudget(limits.bufferBytes) } = options
    this.#options = options
    this.#limits = limits
    this.#buffers = buffers
    this.#handshakes = new Handshakes({
      most: limits.handshakes,
      limit: handshakeLimit,
      onLate: (socket) => {
        this.#lateHandshakes += 1
        this.#refuse(socket, 'handshake_timeout')
      },
      // One that went well is a tunnel before this turn is over.
      onOver: () => queueMicrotask(() => this.#checkClosed()),
    })
    const peerLimits = {
      resetBurst: limits.peerResetsPerSecond * 10,
      resetsPerSecond: limits.peerResetsPerSecond,
      pendingDials: limits.peerPendingDials,
      bufferedBytes: buffers.limit / 2,
    }
    this.#peers = new PeerBudgets(peerLimits, (reason) => options.refused.inc({ reason }))
  }

  /** Tunnels that peers hold open. */
  get tunnels(): number {
    return this.#sessions.size
  }

  /** Who opened them. */
  peers(): Iterable<Peer> {
    return this.#sessions.values()
  }

  /** Connections whose peer has not proved itself yet. */
  get handshakes(): number {
    return this.#handshakes.size
  }

  /**
   * Starts to listen, or takes the renewed certificate and bundle: tunnels of the old ones open no new stream. Rejects
   * when it cannot listen; call it again then.
   */
  async refresh(): Promise<void> {
    const { contexts } = this.#options
    const trust = contexts.trust()
    for (const session of this.#sessions.keys()) session.close()
    // A root that is gone may have vouched for a peer. Anything else is no reason to lose what the peer, whose half of
    // the handshake may be over, has asked for already.
    if (this.#trust && !includes(trust, this.#trust)) this.#handshakes.cut()
    else this.#handshakes.age()
    this.#trust = trust
    const context = tlsContext(contexts.certificate(), trust)
    if (this.#tls) this.#tls.setSecureContext(context)
    else this.#tls = this.#authenticator(context)
    this.#listener ??= await this.#listen(this.#tls)
  }

  /** Lets tunnels of such peers open no new stream. */
  retire(isMeant: (peer: Peer) => boolean): void {
    for (const [session, peer] of this.#sessions) if (isMeant(peer)) session.close()
  }

  /**
   * Stops to listen and sends GOAWAY on every tunnel. Resolves once the last one has ended with its streams, and its peer
   * has read all of it; what is live stays until `cut`.
   */
  close(): Promise<void> {
    this.#listener?.close()
    // A peer whose half of the handshake is over may have asked for something already.
    this.#handshakes.age()
    for (const session of this.#sessions.keys()) session.close()
    return new Promise((resolve) => {
      this.#onLastClosed = resolve
      this.#checkClosed()
    })
  }

  /** Cuts what is still there. */
  cut(): void {
    // Without a cause, streams of which our half has ended would tell an end where there is none.
    for (const session of this.#sessions.keys()) session.destroy(new Error('the sidecar ends'))
  }

  /** Never listens itself: it is handed the connections that there is room for. */
  #authenticator(context: ReturnType<typeof tlsContext>): TlsServer {
    const server = createTlsServer({
      ...context,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2'],
      highWaterMark: 64 * 1024,
    })
    server.on('secureConnection', (socket) => this.#accept(socket))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      // One that was cut for being late is told here once more, as a reset.
      if (error.code === 'ECONNRESET' && this.#lateHandshakes > 0) this.#lateHandshakes -= 1
      else this.#refuse(socket, 'tls_failed', { error })
      // Node leaves it open for somebody who would answer in plaintext.
      socket.destroy()
    })
    return server
  }

  #listen(tls: TlsServer): Promise<Server> {
    const options = { noDelay: true, keepAlive: true, highWaterMark: 64 * 1024 }
    const server = createTcpServer(options, (socket) => {
      if (this.#handshakes.begin(socket)) return void tls.emit('connection', socket)
      socket.on('error', () => {})
      this.#refuse(socket, 'too_many_handshakes')
      socket.resetAndDestroy()
    })
    return new Promise((resolve, reject) => {
      server.once('error', (cause) => reject(new Error(`cannot listen on port ${ports.hbone}`, { cause })))
      server.listen({ port: ports.hbone, backlog: 4_096 }, () => {
        server.removeAllListeners('error')
        // An accept that fails for want of descriptors must not end the process.
        server.on('error', (error) => {
          this.#options.refused.inc({ reason: 'accept_failed' })
          if (this.#lines.take()) this.#options.log.error('accepting tunnels failed', { error })
        })
        resolve(server)
      })
    })
  }

  #accept(socket: TLSSocket): void {
    const { contexts, refused, log, onRequest } = this.#options
    socket.on('error', () => {})
    const { stale } = this.#handshakes.end(socket)
    const peer = peerOf(socket, contexts)
    const peerIp = parseIp(socket.remoteAddress ?? '')
    if (!peer || !peerIp || socket.alpnProtocol !== 'h2') {
      this.#refuse(socket, peer ? 'not_http2' : 'foreign_identity', { alpn: socket.alpnProtocol })
      socket.destroy()
      return
    }
    if (isRevoked(peer, contexts.trust())) {
      const { serial, identity } = peer
      this.#refuse(socket, 'peer_revoked', { serial, identity: formatSpiffeId(identity) })
      socket.destroy()
      return
    }
    const name = budgetName(peer, peerIp)
    if (this.#isFull(name)) {
      this.#refuse(socket, 'too_many_tunnels', { identity: formatSpiffeId(peer.identity) })
      socket.destroy()
      return
    }
    const session = serveFrames(socket, (request) => onRequest({ ...request, peer, peerIp }), {
      buffers: this.#buffers,
      guard: this.#peers.join(name),
      onNotConnect: () => refused.inc({ reason: 'not_connect' }),
      onClosed: (error) => {
        clearTimeout(expiry)
        this.#sessions.delete(session)
        this.#peers.leave(name)
        if (error instanceof ConnectionFault) this.#refuse(socket, reasonOf(error), { error })
        else if (error) log.debug('a tunnel failed', { peer: peerIp, error })
      },
    })
    // Its live streams may stay; for another one it has to prove itself anew. Timers hold at most 2^31 ms.
    const expiry = setTimeout(
      () => session.close(),
      Math.min(peer.notAfter - Date.now(), 2 ** 31 - 1),
    ).unref()
    this.#sessions.set(session, peer)
    this.#sockets.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#checkClosed()
    })
    if (stale) session.close()
  }

  #checkClosed(): void {
    if (this.#sockets.size === 0 && this.#handshakes.size === 0) this.#onLastClosed()
  }

  #isFull(name: string): boolean {
    const most = this.#limits.inboundTunnels
    return this.#sessions.size >= most || this.#peers.tunnelsOf(name) >= Math.max(1, Math.floor(most / 8))
  }

  #refuse(socket: Socket, reason: string, fields: Record<string, unknown> = {}): void {
    this.#options.refused.inc({ reason })
    if (!this.#lines.take()) return
    this.#options.log.info('a tunnel was refused', { peer: socket.remoteAddress, reason, ...fields })
  }
}

/** Whether whoever was believed before still is. */
function includes(bundle: TrustBundle, before: TrustBundle): boolean {
  return before.byFingerprint.keys().every((root) => bundle.byFingerprint.has(root))
}

/** Budgets belong to a pod: who it proved to be, and where it is. */
function budgetName({ identity }: Peer, ip: IpAddress): string {
  return `${ip} ${formatSpiffeId(identity)}`
}

/** What a tunnel that broke HTTP/2 is counted by, e.g. `http2_enhance_your_calm`. */
function reasonOf({ code }: ConnectionFault): string {
  return `http2_${nameOfError(code).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`
}
