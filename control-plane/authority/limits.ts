import { RateLimit } from '#runtime/rate-limit.ts'
import { retentionFor } from './serials/retention.ts'
import type { Caller } from './tokens.ts'

/** How often certificates are given, each by a bucket of its own. */
export interface CertificateLimits {
  /** By pod UID, so that one pod cannot use up what its siblings need. */
  readonly perPod: RateLimit
  /** By namespace and service account. */
  readonly perIdentity: RateLimit
  /** By namespace, so that one tenant cannot fill the ledger of serials, without which nobody gets a certificate. */
  readonly perNamespace: RateLimit
}

/** Restarts in a loop need some at once, certificates of ten seconds one each four: no lifetime that may be set needs more. */
const podRate = { burst: 20, perSecond: 0.25 }
/** Five hundred replicas may start together. */
const identityRate = { burst: 500, perSecond: 20 }
/** Five thousand pods of one namespace may start together. */
const namespaceBurst = 5_000
/** Entries that one namespace may keep in the ledger, of the 212 000 for which there is room. */
const namespaceShare = 85_000

/** `lifetime` of certificates in milliseconds. */
export function certificateLimits(lifetime: number): CertificateLimits {
  const kept = (lifetime + retentionFor(lifetime)) / 1_000
  return {
    perPod: new RateLimit(podRate),
    perIdentity: new RateLimit(identityRate),
    perNamespace: new RateLimit({ burst: namespaceBurst, perSecond: namespaceShare / kept }),
  }
}

/** Takes one certificate's worth; false when that is too much. */
export function withinLimits(
  { namespace, serviceAccount, podUid }: Caller,
  { perPod, perIdentity, perNamespace }: CertificateLimits,
): boolean {
  return (
    perPod.take(podUid) && perIdentity.take(`${namespace}/${serviceAccount}`) && perNamespace.take(namespace)
  )
}
