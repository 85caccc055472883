import type { X509Certificate } from 'node:crypto'
import { issuerKeyOf, subjectKeyOf } from '../certificate-extensions.ts'

export interface Path {
  /** From just above the authority to the root, which is last; none where the authority is a root itself. */
  readonly issuers: readonly X509Certificate[]
  readonly root: X509Certificate
}

/** More authorities than anybody has above each other. */
const longest = 8

/**
 * Every way from an authority up to a root among the given certificates, the shortest first; none where there is no
 * root above it. Names and key identifiers find an issuer, and its signature proves it.
 */
export function pathsFrom(authority: X509Certificate, given: readonly X509Certificate[]): readonly Path[] {
  const found: Path[] = []
  const climb = (top: X509Certificate, below: readonly X509Certificate[]): void => {
    if (isSelfSigned(top)) found.push({ issuers: below.slice(1), root: top })
    else if (below.length < longest) {
      const seen = new Set(below.map(({ fingerprint256 }) => fingerprint256))
      for (const next of given) {
        if (!seen.has(next.fingerprint256) && isIssuedBy(top, next)) climb(next, [...below, next])
      }
    }
  }
  climb(authority, [authority])
  return found.toSorted((a, b) => a.issuers.length - b.issuers.length)
}

/** The topmost certificate that can be reached: the one whose issuer is missing. */
export function topFrom(authority: X509Certificate, given: readonly X509Certificate[]): X509Certificate {
  let top = authority
  for (let height = 0; height < longest; height++) {
    const next = given.find((each) => isIssuedBy(top, each) && each.fingerprint256 !== top.fingerprint256)
    if (!next) return top
    top = next
  }
  return top
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate)
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (certificate.issuer !== issuer.subject) return false
  const [expected, found] = [issuerKeyOf(certificate), subjectKeyOf(issuer)]
  if (expected && found && !expected.equals(found)) return false
  return certificate.verify(issuer.publicKey)
}
