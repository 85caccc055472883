import type { Certificate } from '../credentials/certificate.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'

/** What the tunnels authenticate with, as it is now. Both throw a ConnectError before the first one arrived. */
export interface ContextSource {
  certificate(): Certificate
  trust(): TrustBundle
}
