import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { formatSocketAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { ConnectError } from '../../proxy/connect-error.ts'
import type { ContextSource } from '../context-source.ts'
import { handshake } from '../handshake.ts'
import { peerOf } from '../peer.ts'
import { tlsContext } from '../tls-context.ts'
import type { Tunnel, TunnelLayer, TunnelTarget } from '../tunnel.ts'
import { connectionWindow, http2Limits, http2Settings } from './http2-settings.ts'
import { Http2Tunnel } from './http2-tunnel.ts'

/** HBONE over node:http2: an implementation that nobody here wrote, to hold ours against. */
export function http2Layer(contexts: ContextSource): TunnelLayer {
  return { dial: (target, signal) => dialTunnel(contexts, target, signal) }
}

async function dialTunnel(
  contexts: ContextSource,
  target: TunnelTarget,
  signal: AbortSignal,
): Promise<Tunnel> {
  const where = `tunnel to ${formatSocketAddress({ ip: target.ip, port: ports.hbone })}`
  const own = contexts.certificate()
  const socket = await handshake(tlsContext(own, contexts.trust()), target, where, signal)
  const peer = peerOf(socket, contexts)
  if (!peer) {
    socket.destroy()
    throw new ConnectError('tls_failed', `${where}: its certificate cannot be read`, { retryable: true })
  }
  // getEphemeralKeyInfo names the group of the handshake, hybrid ones included (@types/node knows no names of those).
  const group = socket.getEphemeralKeyInfo() as { name?: string } | null
  const session = startSession(socket)
  return new Http2Tunnel(session, peer, group?.name ?? 'unknown', Math.min(own.notAfter, peer.notAfter))
}

function startSession(socket: TLSSocket): ClientHttp2Session {
  const session = connectHttp2('https://hbone', {
    ...http2Limits,
    createConnection: () => socket,
    settings: http2Settings,
    peerMaxConcurrentStreams: http2Settings.maxConcurrentStreams,
  })
  session.setLocalWindowSize(connectionWindow)
  return session
}
