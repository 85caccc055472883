import { type ConnectionOptions, connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls'
import { formatSocketAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { formatSpiffeId, sameIdentity } from '#mesh/spiffe-id.ts'
import { parseSubjectAltName } from '../credentials/certificate.ts'
import { ConnectError, dialFailure } from '../proxy/connect-error.ts'
import type { ContextSource } from './context-source.ts'
import { isRevoked, type Peer, peerOf } from './peer.ts'
import { handshakeLimit, sharedContext } from './tls-context.ts'
import type { TunnelTarget } from './tunnel.ts'

/** A connection whose other end has proved who it is. */
export interface Authenticated {
  readonly socket: TLSSocket
  readonly peer: Peer
  /** The TLS key-exchange group, e.g. `X25519MLKEM768`. */
  readonly keyExchange: string
  /** Milliseconds since the epoch; the earlier end of both certificates. */
  readonly expires: number
}

/** Dials a pod and verifies that it is whom discovery named; rejects with a ConnectError. */
export async function authenticate(
  contexts: ContextSource,
  target: TunnelTarget,
  signal: AbortSignal,
): Promise<Authenticated> {
  const where = `tunnel to ${formatSocketAddress({ ip: target.ip, port: ports.hbone })}`
  const own = contexts.certificate()
  const socket = await handshake(sharedContext(own, contexts.trust()), target, where, signal)
  const peer = peerOf(socket, contexts)
  if (!peer) {
    socket.destroy()
    throw new ConnectError('tls_failed', `${where}: its certificate cannot be read`, { retryable: true })
  }
  if (isRevoked(peer, contexts.trust())) {
    socket.destroy()
    const message = `${where}: certificate ${peer.serial} of ${formatSpiffeId(peer.identity)} is revoked`
    throw new ConnectError('peer_revoked', message, { retryable: true })
  }
  // getEphemeralKeyInfo names the group of the handshake, hybrid ones included (@types/node knows no names of those).
  const group = socket.getEphemeralKeyInfo() as { name?: string } | null
  const expires = Math.min(own.notAfter, peer.notAfter)
  return { socket, peer, keyExchange: group?.name ?? 'unknown', expires }
}

/** Connects and authenticates; rejects with a ConnectError. The socket speaks HTTP/2. */
function handshake(
  secureContext: SecureContext,
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
      secureContext,
      host: target.ip,
      port: ports.hbone,
      ALPNProtocols: ['h2'],
      // Also when NODE_TLS_REJECT_UNAUTHORIZED says otherwise.
      rejectUnauthorized: true,
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
      // What comes late of a socket that is given up must not be an uncaught error.
      socket.on('error', () => {})
      socket.destroy()
      reject(identityError ?? dialFailure(where, cause))
    }
    const cancel = (): void => fail(cancelled)
    const timer = setTimeout(
      fail,
      handshakeLimit,
      Object.assign(new Error('no answer; maybe a NetworkPolicy blocks port 15008'), { code: 'ETIMEDOUT' }),
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
