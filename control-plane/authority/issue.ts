import type { KeyObject, X509Certificate } from 'node:crypto'
import { formatSpiffeId, type SpiffeId } from '#mesh/spiffe-id.ts'
import { name, type Signer, signCertificate, subjectOf } from './certificate.ts'
import { leafExtensions } from './extensions.ts'

/** How far certificates reach back, in milliseconds, so that a clock which is behind accepts them. */
export const backdating = 60_000

export interface IssueRequest {
  readonly identity: SpiffeId
  readonly publicKey: KeyObject
  /** Milliseconds from `now`; cut where the issuer itself ends. */
  readonly lifetime: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly dnsNames?: readonly string[]
}

export interface Issued {
  readonly certificate: X509Certificate
  /** Leaf and issuer, each one PEM certificate: what a TLS peer sends. */
  readonly chain: readonly [leaf: string, issuer: string]
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
}

/** Issues a workload's certificate. Throws when the issuer itself has ended. */
export function issue(
  { identity, publicKey, lifetime, now, dnsNames = [] }: IssueRequest,
  issuer: Signer,
): Issued {
  const notBefore = Math.max(now - backdating, issuer.certificate.validFromDate.getTime())
  const notAfter = Math.min(now + lifetime, issuer.certificate.validToDate.getTime())
  if (notAfter <= now) throw new Error(`the issuer's certificate ended at ${issuer.certificate.validTo}`)
  const certificate = signCertificate(
    {
      subject: name({}),
      issuer: subjectOf(issuer.certificate),
      notBefore,
      notAfter,
      publicKey,
      extensions: leafExtensions(publicKey, issuer.certificate.publicKey, formatSpiffeId(identity), dnsNames),
    },
    issuer.privateKey,
  )
  return {
    certificate,
    chain: [certificate.toString(), issuer.certificate.toString()],
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
  }
}
