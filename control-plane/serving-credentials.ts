import { constants } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import { ServerCredentials } from '@grpc/grpc-js'
import type { Changing } from './authority/changing.ts'
import type { ServingCertificate } from './authority/serving.ts'

/** Milliseconds; Node's own limit is two minutes. */
const handshakeTimeout = 5_000

/** Server credentials that show the newest certificate to each new connection; open ones stay. TLS 1.3 only. */
export function servingCredentials(certificate: Changing<ServingCertificate>): ServerCredentials {
  const credentials = new RotatingCredentials(certificate.current)
  certificate.subscribe((next) => credentials.rotate(next))
  return credentials
}

/**
 * Uses the watcher that grpc-js has for its experimental CertificateProvider. Those credentials themselves hand
 * over certificate and key alone, and a context that is replaced without a minimum version accepts TLS 1.2 again.
 */
class RotatingCredentials extends ServerCredentials {
  constructor(certificate: ServingCertificate) {
    super({ requestCert: false, handshakeTimeout }, secureContext(certificate))
  }

  rotate(certificate: ServingCertificate): void {
    this.updateSecureContextOptions(secureContext(certificate))
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other
  }
}

/** Without tickets: a resumed session would skip the client's look at the certificate. */
function secureContext({ chain, privateKey }: ServingCertificate): SecureContextOptions {
  return {
    cert: Buffer.from(chain),
    key: Buffer.from(privateKey),
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
}
