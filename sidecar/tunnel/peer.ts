import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import { parseSubjectAltName } from '../credentials/certificate.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import type { ContextSource } from './context-source.ts'

/** Who proved to be on the other end of a tunnel, and how. */
export interface Peer {
  readonly identity: SpiffeId
  /** Hexadecimal serial of the leaf. */
  readonly serial: string
  /** SHA-256 fingerprints of the roots that its chain may end in; more than one only where that cannot be seen. */
  readonly roots: readonly string[]
  /** The peer's certificate expires then, in milliseconds since the epoch. */
  readonly notAfter: number
}

/**
 * The peer of a socket whose chain OpenSSL has verified; undefined when its name is not of this trust domain.
 */
export function peerOf(socket: TLSSocket, contexts: ContextSource): Peer | undefined {
  const trust = contexts.trust()
  const leaf = socket.getPeerCertificate(true)
  const identity = parseSubjectAltName(leaf.subjectaltname)
  if (!identity || identity.trustDomain !== trust.trustDomain) return undefined
  const roots = rootsOf(leaf, trust, contexts.certificate().intermediates)
  return { identity, serial: leaf.serialNumber, roots, notAfter: Date.parse(leaf.valid_to) }
}

/** Whether what the peer proved itself by is still believed. In doubt it is not. */
export function stillTrusted({ roots }: Peer, trust: TrustBundle | undefined): boolean {
  return roots.length > 0 && roots.every((root) => trust?.byFingerprint.has(root))
}

/** Whether the very certificate that the peer proved itself by was taken back. */
export function isRevoked({ serial }: Peer, trust: TrustBundle | undefined): boolean {
  return trust?.revoked.has(serial) ?? false
}

/**
 * Node shows the accepting side nothing but the leaf, so what is above it is looked for among our own intermediates: the
 * mesh has one issuer at a time but while it rotates.
 */
function rootsOf(
  leaf: DetailedPeerCertificate,
  { byFingerprint }: TrustBundle,
  issuers: readonly X509Certificate[],
): readonly string[] {
  let top: DetailedPeerCertificate = leaf
  // A root is its own issuer; the bound only guards against a chain that never ends.
  for (let depth = 0; depth < 10 && top.issuerCertificate && top.issuerCertificate !== top; depth++) {
    top = top.issuerCertificate
  }
  if (byFingerprint.has(top.fingerprint256)) return [top.fingerprint256]
  let last = new X509Certificate(top.raw)
  for (let depth = 0; depth < 10; depth++) {
    const issuer = issuers.find((each) => isIssuedBy(last, each))
    if (!issuer) break
    last = issuer
  }
  for (const [fingerprint, root] of byFingerprint) if (isIssuedBy(last, root)) return [fingerprint]
  return [...byFingerprint.keys()]
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
