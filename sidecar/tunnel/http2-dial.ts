import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import {
  type ConnectionOptions,
  connect as connectTls,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls'
import { formatSocketAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { formatSpiffeId, sameIdentity } from '#mesh/spiffe-id.ts'
import { parseSubjectAltName } from '../credentials/certificate.ts'
import { ConnectError, dialFailure } from '../proxy/connect-error.ts'
import type { ContextSource } from './context-source.ts'
import { connectionWindow, http2Limits, http2Settings } from './http2-settings.ts'
import { Http2Tunnel } from './http2-tunnel.ts'
import { peerOf } from './peer.ts'
import { handshakeLimit, tlsContext } from './tls-context.ts'
import type { Tunnel, TunnelLayer, TunnelTarget } from './tunnel.ts'

/** HBONE over node:http2. */
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

/** Connects and authenticates; rejects with a ConnectError. The socket speaks HTTP/2. */
export function handshake(
  context: SecureContextOptions,
  target: TunnelTarget,
  where: string,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const cancelled = new ConnectError('cancelled', `${where}: nobody waits for it any more`)
    if (signal.aborted) return reject(cancelled)
    let identityError: ConnectError | undefined
    // @types/node leaves noDelay out, which the TCP connection below is made with.
    const options: ConnectionOptions & { noDelay: boolean } = {
      ...context,
      host: target.ip,
      port: ports.hbone,
      ALPNProtocols: ['h2'],
      noDelay: true,
      // Called before any queued byte leaves: the identity is decided here or nothing is sent.
      checkServerIdentity: (_host, certificate) => {
        const identity = parseSubjectAltName(certificate.subjectaltname)
        if (identity && sameIdentity(identity, target.identity)) return undefined
        const shown = certificate.subjectaltname ?? 'no name'
        const expected = formatSpiffeId(target.identity)
        identityError = new ConnectError(
          'wrong_identity',
          `${where}: expected ${expected}, and it showed ${shown}`,
          {
            retryable: true,
          },
        )
        return identityError
      },
    }
    const socket = connectTls(options)
    const fail = (cause: unknown): void => {
      settle()
      socket.destroy()
      reject(identityError ?? dialFailure(where, cause))
    }
    const cancel = (): void => fail(cancelled)
    const timer = setTimeout(
      fail,
      handshakeLimit,
      Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }),
    )
    const settle = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
      socket.removeListener('error', fail)
    }
    signal.addEventListener('abort', cancel, { once: true })
    socket.once('error', fail)
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') {
        return fail(new ConnectError('tls_failed', `${where}: it speaks no HTTP/2`, { retryable: true }))
      }
      settle()
      resolve(socket)
    })
  })
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
