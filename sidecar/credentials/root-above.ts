import type { X509Certificate } from 'node:crypto'
import { isIssuedBy } from '#runtime/certificates.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'

/**
 * The fingerprint of the bundle's root that a certificate hangs from, by way of the authorities that are known; undefined
 * where they lead to none.
 */
export function rootAbove(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
  { byFingerprint }: TrustBundle,
): string | undefined {
  let top = certificate
  // Who leads to a root does so in fewer steps than there are authorities; the bound guards against a circle.
  for (let step = 0; step <= authorities.length; step++) {
    for (const [fingerprint, root] of byFingerprint) if (isIssuedBy(top, root)) return fingerprint
    const issuer = authorities.find((each) => isIssuedBy(top, each))
    if (!issuer) return undefined
    top = issuer
  }
  return undefined
}
