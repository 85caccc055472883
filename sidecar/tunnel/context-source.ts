import type { X509Certificate } from 'node:crypto'
import type { Certificate } from '../credentials/certificate.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'

/** What the tunnels authenticate with, as it is now. The first two throw a ConnectError before the first one arrived. */
export interface ContextSource {
  certificate(): Certificate
  trust(): TrustBundle
  /** Authorities below the roots that this sidecar ever had a certificate of, the newest first. */
  authorities(): readonly X509Certificate[]
}
