import { formatSocketAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { ConnectError } from '../../proxy/connect-error.ts'
import type { ContextSource } from '../context-source.ts'
import { handshake } from '../handshake.ts'
import { peerOf } from '../peer.ts'
import { tlsContext } from '../tls-context.ts'
import type { Tunnel, TunnelLayer, TunnelTarget } from '../tunnel.ts'
import { defaultLimits, type FrameLimits } from './limits.ts'
import { FrameTunnel } from './tunnel.ts'

/** HBONE over HTTP/2 frames of our own. */
export function framesLayer(contexts: ContextSource, limits: FrameLimits = defaultLimits): TunnelLayer {
  return { dial: (target, signal) => dialTunnel(contexts, limits, target, signal) }
}

async function dialTunnel(
  contexts: ContextSource,
  limits: FrameLimits,
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
  const expires = Math.min(own.notAfter, peer.notAfter)
  return new FrameTunnel(socket, { peer, keyExchange: group?.name ?? 'unknown', expires, limits })
}
