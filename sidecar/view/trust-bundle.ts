import { X509Certificate } from 'node:crypto'
import { certificatesIn } from '#runtime/certificates.ts'
import { parseRevocations } from './revocations.ts'

/** The roots that peers of one trust domain are verified against. */
export interface TrustBundle {
  readonly trustDomain: string
  /** PEM, one root each. */
  readonly roots: string[]
  /** The same, by SHA-256 fingerprint. */
  readonly byFingerprint: ReadonlyMap<string, X509Certificate>
  /** Serials of certificates that are believed no longer, as X509Certificate writes them. */
  readonly revoked: ReadonlySet<string>
}

/**
 * Parses concatenated PEM roots, and revocation lists if there are any; throws an Error that says which one is bad, or
 * that there is no root.
 */
export function parseTrustBundle(trustDomain: string, pem: string, crl?: string): TrustBundle {
  const roots = certificatesIn(pem)
  if (roots.length === 0) throw new Error(`the trust bundle of ${trustDomain} holds no PEM certificate`)
  const byFingerprint = new Map<string, X509Certificate>()
  for (const [i, root] of roots.entries()) {
    try {
      const certificate = new X509Certificate(root)
      byFingerprint.set(certificate.fingerprint256, certificate)
    } catch (cause) {
      throw new Error(`certificate ${i + 1} of the trust bundle of ${trustDomain} cannot be parsed`, {
        cause,
      })
    }
  }
  return { trustDomain, roots: [...roots], byFingerprint, revoked: revocations(trustDomain, crl) }
}

function revocations(trustDomain: string, crl: string | undefined): ReadonlySet<string> {
  if (crl === undefined) return new Set()
  try {
    return parseRevocations(crl)
  } catch (cause) {
    throw new Error(`the trust bundle of ${trustDomain}: ${(cause as Error).message}`, { cause })
  }
}

/** Whether both believe the same roots, whatever they have taken back. */
export function sameRoots(one: TrustBundle | undefined, other: TrustBundle | undefined): boolean {
  const [some, others] = [one, other].map((bundle) => new Set(bundle?.byFingerprint.keys()))
  return some!.symmetricDifference(others!).size === 0
}
