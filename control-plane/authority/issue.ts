import type { KeyObject, X509Certificate } from 'node:crypto'
import { formatSpiffeId, type SpiffeId } from '#mesh/spiffe-id.ts'
import { name, type Signer, signCertificate, subjectOf } from './certificate.ts'
import { leafExtensions } from './extensions.ts'

/** How far certificates reach back, in milliseconds, so that a clock which is behind accepts them. */
export const backdating = 60_000

export interface IssueRequest {
  readonly identity: SpiffeId
  readonly publicKey: KeyObject
  /** Milliseconds from `now`; cut where the first certificate above it ends. */
  readonly lifetime: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly dnsNames?: readonly string[]
}

export interface Issued {
  readonly certificate: X509Certificate
  /** Leaf, issuer and whatever else is below the root, each one PEM certificate: what a TLS peer sends. */
  readonly chain: readonly [leaf: string, ...authorities: string[]]
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
}

/** Issues a workload's certificate. Throws when the issuer, or one above it, has ended. */
export function issue(
  { identity, publicKey, lifetime, now, dnsNames = [] }: IssueRequest,
  issuer: Signer,
): Issued {
  const authorities = [issuer.certificate, ...issuer.issuers]
  const notBefore = Math.max(now - backdating, issuer.certificate.validFromDate.getTime())
  const notAfter = Math.min(now + lifetime, endOf(issuer))
  if (notAfter <= now) {
    throw new Error(`the issuer's certificate, or one above it, ended at ${new Date(notAfter).toISOString()}`)
  }
  const certificate = signCertificate(
    {
      subject: name({}),
      issuer: subjectOf(issuer.certificate),
      notBefore,
      notAfter,
      publicKey,
      extensions: leafExtensions(publicKey, issuer.certificate, formatSpiffeId(identity), dnsNames),
    },
    issuer.privateKey,
  )
  return {
    certificate,
    // Whoever does not have the root already has no reason to believe this one.
    chain: [certificate.toString(), ...authorities.filter((each) => !isRoot(each)).map(String)],
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  }
}

/** When the first of a signer's own certificate and those above it ends, in milliseconds since 1970. */
export function endOf({ certificate, issuers }: Pick<Signer, 'certificate' | 'issuers'>): number {
  return Math.min(...[certificate, ...issuers].map(({ validToDate }) => validToDate.getTime()))
}

function isRoot(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate)
}
