import { describe, expect, it } from 'vitest'
import { ConnectError, dialFailure } from './connect-error.ts'

function failed(code: string | undefined): Error {
  return Object.assign(new Error(`raw ${code}`), { code })
}

describe('a failed dial', () => {
  it.each([
    ['ECONNREFUSED', 'connection_refused', 'nothing listens there'],
    ['EHOSTUNREACH', 'unreachable', 'no route'],
    ['ENETUNREACH', 'unreachable', 'no route'],
    ['EADDRNOTAVAIL', 'unreachable', 'no route'],
    ['ETIMEDOUT', 'timeout', 'raw'],
    ['ECONNRESET', 'tls_failed', 'closed the connection'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'tls_failed', 'raw'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls_failed', 'raw'],
    ['CERT_HAS_EXPIRED', 'tls_failed', 'raw'],
    ['CERT_REVOKED', 'tls_failed', 'raw'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'tls_failed', 'raw'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls_failed', 'raw'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'tls_failed', 'raw'],
    ['UNABLE_TO_GET_CRL', 'tls_failed', 'raw'],
    ['INVALID_PURPOSE', 'tls_failed', 'raw'],
    ['INVALID_CA', 'tls_failed', 'raw'],
    ['PATH_LENGTH_EXCEEDED', 'tls_failed', 'raw'],
    ['EPROTO', 'failed', 'raw'],
    [undefined, 'failed', 'raw'],
  ] as const)(
    '%s is %s, said with where and what to look for, and may go elsewhere',
    (code, failure, hint) => {
      const error = dialFailure('10.77.0.1:15008', failed(code))
      expect(error).toMatchObject({ name: 'ConnectError', failure, retryable: true })
      expect(error.message).toMatch(/^10\.77\.0\.1:15008: /)
      expect(error.message).toContain(hint)
      expect(error.cause).toMatchObject({ code })
    },
  )

  it.each([
    ['EMFILE', 'resource_limit'],
    ['ENFILE', 'resource_limit'],
    ['ENOBUFS', 'resource_limit'],
    ['ABORT_ERR', 'cancelled'],
  ] as const)('%s is %s, and going elsewhere is in vain', (code, failure) => {
    expect(dialFailure('x', failed(code))).toMatchObject({ failure, retryable: false })
  })

  it('that is translated already stays what it is', () => {
    const error = new ConnectError('wrong_identity', 'x', { retryable: true })
    expect(dialFailure('y', error)).toBe(error)
  })
})
