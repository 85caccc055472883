import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Certificate } from '../credentials/certificate.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'

/** Handshakes longer than this are cut, in milliseconds. */
export const handshakeLimit = 5_000

/**
 * Everything that a TLS context of the mesh is made of. The only maker of one: replacing a part of a context, its
 * certificate say, would silently put the rest back to Node's defaults and reopen TLS 1.2.
 */
export function tlsContext(certificate: Certificate, trust: TrustBundle): SecureContextOptions {
  return {
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    ecdhCurve: 'X25519MLKEM768:X25519:P-256',
    // A resumed session presents no client certificate, so there are no tickets to resume with.
    secureOptions: constants.SSL_OP_NO_TICKET,
    key: certificate.key,
    cert: certificate.chain,
    ca: trust.roots,
  }
}

/** The last context that was made of each certificate. */
const made = new WeakMap<Certificate, { readonly trust: TrustBundle; readonly context: SecureContext }>()

/** The context itself, made once for a certificate and a bundle: every dial would wait for it otherwise. */
export function sharedContext(certificate: Certificate, trust: TrustBundle): SecureContext {
  const present = made.get(certificate)
  if (present?.trust === trust) return present.context
  const context = createSecureContext(tlsContext(certificate, trust))
  made.set(certificate, { trust, context })
  return context
}
