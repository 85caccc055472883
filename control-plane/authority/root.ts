import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { certificatesIn } from '#runtime/certificates.ts'
import { keyIdentifier, name, type Signer, signCertificate } from './certificate.ts'
import { authorityExtensions } from './extensions.ts'
import { backdating } from './issue.ts'
import { AuthorityStateError, createKey } from './keys.ts'

/** What identities hang from. A root that signs nothing any more has no key. */
export interface Root {
  readonly certificate: X509Certificate
  readonly privateKey: KeyObject | undefined
  /** It came with an authority that was plugged in: its key was never here, and its owner replaces it. */
  readonly plugged?: boolean
}

/** The root of an authority that is plugged in. */
export function pluggedRoot(certificate: X509Certificate): Root {
  return { certificate, privateKey: undefined, plugged: true }
}

export function sameRoot(a: Pick<Root, 'certificate'>, b: Pick<Root, 'certificate'>): boolean {
  return a.certificate.raw.equals(b.certificate.raw)
}

/** Ten years in milliseconds. */
const rootLifetime = 3_652 * 24 * 3_600_000

/** A root of the trust domain that nobody trusts yet, with a new key unless there is one already. */
export function makeRoot(trustDomain: string, now: number, privateKey: KeyObject = createKey()): Signer {
  const publicKey = createPublicKey(privateKey)
  const id = keyIdentifier(publicKey).toString('hex').slice(0, 8)
  const subject = name({ organization: trustDomain, commonName: `weft root ${id}` })
  const certificate = signCertificate(
    {
      subject,
      issuer: subject,
      notBefore: now - backdating,
      notAfter: now + rootLifetime,
      publicKey,
      extensions: authorityExtensions(publicKey, publicKey, 1, `spiffe://${trustDomain}`),
    },
    privateKey,
  )
  return { certificate, privateKey, issuers: [] }
}

/**
 * Four fifths through its life a root is replaced unasked, two years before its end by default; but for one that came with
 * an authority of somebody else, who is told.
 */
export function nearsEnd({ certificate, plugged }: Root, now: number): boolean {
  if (plugged) return false
  const start = certificate.validFromDate.getTime()
  return now >= start + (certificate.validToDate.getTime() - start) * 0.8
}

/** SHA-256 of the certificate, 64 digits in lower case. */
export function fingerprint({ certificate }: Pick<Root, 'certificate'>): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase()
}

/** Where the parts of a root are kept, for messages. */
export interface RootPlaces {
  readonly certificate: string
  readonly privateKey: string
}

/** Throws AuthorityStateError when the certificate is no root of the trust domain, or the key is another one's. */
export function checkRoot(
  pem: string | undefined,
  key: KeyObject | undefined,
  trustDomain: string,
  places: RootPlaces,
): Root {
  const certificate = pem === undefined ? undefined : parseCertificate(pem)
  if (!certificate?.ca) {
    throw new AuthorityStateError(
      `${places.certificate} holds no CA certificate in PEM: put the right file back`,
    )
  }
  if (key && !certificate.checkPrivateKey(key)) {
    throw new AuthorityStateError(
      `${places.privateKey} is not the key of ${places.certificate}: put its key back`,
    )
  }
  if (certificate.subjectAltName !== `URI:spiffe://${trustDomain}`) {
    const named = certificate.subjectAltName?.replace('URI:', '') ?? 'no trust domain'
    throw otherTrustDomain(places.certificate, named, trustDomain)
  }
  return { certificate, privateKey: key }
}

export function otherTrustDomain(place: string, named: string, trustDomain: string): AuthorityStateError {
  return new AuthorityStateError(
    `${place} is the root of ${named}, the mesh is spiffe://${trustDomain}: write the first trust domain again, or ` +
      'remove the root and its key to have new ones made',
  )
}

export function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

/** Every certificate of a PEM text up to the first that cannot be read. */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  const found: X509Certificate[] = []
  for (const block of certificatesIn(pem)) {
    const certificate = parseCertificate(block)
    if (!certificate) break
    found.push(certificate)
  }
  return found
}
