import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import { parseSubjectAltName } from '../credentials/certificate.ts'
import { rootAbove } from '../credentials/root-above.ts'
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
  const proved = { identity, serial: leaf.serialNumber, notAfter: Date.parse(leaf.valid_to) }
  const top = topOf(leaf)
  if (trust.byFingerprint.has(top.fingerprint256)) return { ...proved, roots: [top.fingerprint256] }
  return new DoubtfulPeer(proved, new X509Certificate(top.raw), trust, () => contexts.authorities())
}

/** Whether what the peer proved itself by is still believed. In doubt it is not. */
export function stillTrusted({ roots }: Peer, trust: TrustBundle | undefined): boolean {
  return roots.length > 0 && roots.every((root) => trust?.byFingerprint.has(root))
}

/** Whether the very certificate that the peer proved itself by was taken back. */
export function isRevoked({ serial }: Peer, trust: TrustBundle | undefined): boolean {
  return trust?.revoked.has(serial) ?? false
}

/** The last certificate that the peer showed, or Node tells of. */
function topOf(leaf: DetailedPeerCertificate): DetailedPeerCertificate {
  let top = leaf
  // A root is its own issuer; the bound only guards against a chain that never ends.
  for (let depth = 0; depth < 10 && top.issuerCertificate && top.issuerCertificate !== top; depth++) {
    top = top.issuerCertificate
  }
  return top
}

/**
 * Node shows the accepting side nothing but the leaf, so what is above it is looked for among the authorities that this
 * sidecar knows. It learns of a new one with its own next certificate, so that the question is asked again until then.
 */
class DoubtfulPeer implements Peer {
  readonly identity: SpiffeId
  readonly serial: string
  readonly notAfter: number
  #roots: readonly string[]
  #doubt: (() => string | undefined) | undefined

  constructor(
    { identity, serial, notAfter }: Omit<Peer, 'roots'>,
    top: X509Certificate,
    trust: TrustBundle,
    authorities: () => readonly X509Certificate[],
  ) {
    this.identity = identity
    this.serial = serial
    this.notAfter = notAfter
    this.#roots = [...trust.byFingerprint.keys()]
    this.#doubt = () => rootAbove(top, authorities(), trust)
    // What is found at once is not asked again, and holds on to no certificate.
    void this.roots
  }

  get roots(): readonly string[] {
    const root = this.#doubt?.()
    if (root !== undefined) {
      this.#roots = [root]
      this.#doubt = undefined
    }
    return this.#roots
  }
}
