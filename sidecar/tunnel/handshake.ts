import {
  type ConnectionOptions,
  connect as connectTls,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls'
import { ports } from '#mesh/ports.ts'
import { formatSpiffeId, sameIdentity } from '#mesh/spiffe-id.ts'
import { parseSubjectAltName } from '../credentials/certificate.ts'
import { ConnectError, dialFailure } from '../proxy/connect-error.ts'
import { handshakeLimit } from './tls-context.ts'
import type { TunnelTarget } from './tunnel.ts'

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
