export type ConnectFailure =
  | 'connection_refused'
  | 'unreachable'
  | 'timeout'
  | 'tls_failed'
  | 'wrong_identity'
  | 'meshed_since'
  | 'peer_revoked'
  | 'denied_by_peer'
  | 'rejected_by_peer'
  | 'unavailable_at_peer'
  | 'tunnel_lost'
  | 'no_certificate'
  | 'cancelled'
  | 'resource_limit'
  | 'failed'

/** Why a connection to an endpoint could not be made. */
export class ConnectError extends Error {
  override readonly name = 'ConnectError'
  readonly failure: ConnectFailure
  /** Whether nothing reached the endpoint, so that another one may be asked. */
  readonly retryable: boolean

  constructor(
    failure: ConnectFailure,
    message: string,
    options: { retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.failure = failure
    this.retryable = options.retryable ?? false
  }
}

/** Translates what Node reports of a failed dial; nothing was sent, so all but a cancelled one may be retried. */
export function dialFailure(where: string, cause: unknown): ConnectError {
  if (cause instanceof ConnectError) return cause
  const error = cause as NodeJS.ErrnoException
  const [failure, hint] = translate(error)
  const retryable = failure !== 'cancelled' && failure !== 'resource_limit'
  return new ConnectError(failure, `${where}: ${hint ?? error.message}`, { retryable, cause })
}

function translate(error: NodeJS.ErrnoException): [ConnectFailure, string?] {
  switch (error.code) {
    case 'ECONNREFUSED':
      return ['connection_refused', 'nothing listens there']
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return ['unreachable', 'there is no route to it; is the pod gone?']
    case 'ETIMEDOUT':
      return ['timeout']
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
      return ['resource_limit', 'this sidecar is out of file descriptors or buffers']
    case 'ABORT_ERR':
      return ['cancelled']
    default:
      // OpenSSL's reasons, and Node's for a certificate that does not verify.
      if (error.code?.startsWith('ERR_SSL') || error.code?.startsWith('ERR_TLS')) return ['tls_failed']
      if (error.code !== undefined && /CERT|ISSUER|SIGNATURE|CRL|_CA$|PURPOSE|PATH_LENGTH/.test(error.code))
        return ['tls_failed']
      if (error.code === 'ECONNRESET')
        return ['tls_failed', 'the peer closed the connection while it was being made']
      return ['failed']
  }
}
