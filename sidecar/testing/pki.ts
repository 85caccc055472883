import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { name, type Signer, signCertificate, subjectOf } from '#control-plane/authority/certificate.ts'
import { parseCsr } from '#control-plane/authority/csr.ts'
import {
  boolean,
  type Der,
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  taggedBytes,
} from '#control-plane/authority/der.ts'
import { authorityExtensions, leafExtensions } from '#control-plane/authority/extensions.ts'
import { formatSpiffeId, type SpiffeId } from '#mesh/spiffe-id.ts'
import { identity } from '#mesh/testing/mesh.ts'
import { type Certificate, parseCertificate } from '../credentials/certificate.ts'
import { parseTrustBundle, type TrustBundle } from '../view/trust-bundle.ts'

const hour = 3_600_000

export interface Leaf {
  /** PEM, PKCS#8. */
  readonly key: string
  /** PEM: leaf, issuer, what is above that, the root last. */
  readonly chain: readonly string[]
}

export interface LeafOptions {
  /** The alternative names; see `uri` and `dns`. */
  readonly names?: readonly Der[]
  readonly publicKey?: KeyObject
  /** Milliseconds since 1970. */
  readonly notBefore?: number
  readonly notAfter?: number
  /** OIDs in place of server and client authentication. */
  readonly purposes?: readonly string[]
}

export interface TestPkiOptions {
  readonly trustDomain?: string
  /** Milliseconds since 1970. */
  readonly now?: number
  readonly above?: readonly [root: Signer, ...others: Signer[]]
}

/** A root, and the issuer under it that signs whatever a test wants signed. */
export class TestPki {
  readonly root: Signer
  readonly issuer: Signer
  readonly trustDomain: string

  /** With `above`, under authorities that somebody else made: the root first. */
  constructor({ trustDomain = 'cluster.local', now = Date.now(), above }: TestPkiOptions = {}) {
    this.trustDomain = trustDomain
    if (above) {
      this.root = above[0]
      this.issuer = above.at(-1)!
      return
    }
    const validity = { notBefore: now - 1_000 * hour, notAfter: now + 100_000 * hour }
    const domain = `spiffe://${trustDomain}`
    const [rootKeys, issuerKeys] = [ecKeys(), ecKeys()]
    const rootName = name({ commonName: `root of ${trustDomain}` })
    const rootFields = { subject: rootName, issuer: rootName, publicKey: rootKeys.publicKey }
    const rootExtensions = authorityExtensions(rootKeys.publicKey, rootKeys.publicKey, 1, domain)
    this.root = {
      issuers: [],
      privateKey: rootKeys.privateKey,
      certificate: signCertificate(
        { ...validity, ...rootFields, extensions: rootExtensions },
        rootKeys.privateKey,
      ),
    }
    const issuerFields = {
      subject: name({ commonName: `issuer of ${trustDomain}` }),
      issuer: subjectOf(this.root.certificate),
      publicKey: issuerKeys.publicKey,
    }
    const extensions = authorityExtensions(issuerKeys.publicKey, rootKeys.publicKey, 0, domain)
    this.issuer = {
      issuers: [this.root.certificate],
      privateKey: issuerKeys.privateKey,
      certificate: signCertificate({ ...validity, ...issuerFields, extensions }, rootKeys.privateKey),
    }
  }

  trust(...others: readonly TestPki[]): TrustBundle {
    const roots = [this, ...others].map(({ root }) => root.certificate.toString())
    return parseTrustBundle(this.trustDomain, roots.join(''))
  }

  /** A certificate as a sidecar holds it. */
  certificate(serviceAccount: string, options: LeafOptions = {}): Certificate {
    const own = identity(serviceAccount, 'shop', this.trustDomain)
    const { key, chain } = this.leaf({ names: [uri(formatSpiffeId(own))], ...options })
    return parseCertificate(key, chain, own)
  }

  /** The same with names that no authority of ours would sign; `parseCertificate` would refuse it. */
  forged(names: readonly Der[], options: LeafOptions = {}): Certificate {
    const { key, chain } = this.leaf({ ...options, names })
    return { ...this.certificate('forger'), key, chain: chain.slice(0, 2).join('') }
  }

  /** Answers a request as the authority does: for an identity, whatever the request says. */
  sign(csr: string, caller: SpiffeId, options: LeafOptions = {}): readonly string[] {
    const parsed = parseCsr(csr)
    if (parsed.kind === 'refused') throw new Error(parsed.detail)
    return this.leaf({ names: [uri(formatSpiffeId(caller))], publicKey: parsed.publicKey, ...options }).chain
  }

  leaf({ names = [], publicKey, notBefore, notAfter, purposes }: LeafOptions): Leaf {
    const keys = ecKeys()
    const subjectKey = publicKey ?? keys.publicKey
    const { certificate, privateKey, issuers } = this.issuer
    const usual = leafExtensions(subjectKey, certificate, '', [])
    const kept = usual.slice(0, -1).filter((_, i) => i !== 2 || !purposes)
    const extensions = [
      ...kept,
      ...(purposes ? [extension('2.5.29.37', sequence(...purposes.map(objectIdentifier)))] : []),
      ...(names.length > 0 ? [extension('2.5.29.17', sequence(...names))] : []),
    ]
    const leaf = signCertificate(
      {
        subject: name({}),
        issuer: subjectOf(certificate),
        notBefore: notBefore ?? Date.now() - 60_000,
        notAfter: notAfter ?? Date.now() + 24 * hour,
        publicKey: subjectKey,
        extensions,
      },
      privateKey,
    )
    return {
      key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      chain: [leaf, certificate, ...issuers].map(String),
    }
  }
}

/** A URI among alternative names, of any bytes. */
export function uri(text: string): Der {
  return taggedBytes(6, Buffer.from(text, 'latin1'))
}

/** A DNS name among alternative names, of any bytes. */
export function dns(text: string): Der {
  return taggedBytes(2, Buffer.from(text, 'latin1'))
}

/** The uncompressed point of a private key's public half, in hexadecimal: the same for the same key alone. */
export function fingerprintOf(privateKeyPem: string): string {
  const { x, y } = createPrivateKey(privateKeyPem).export({ format: 'jwk' })
  return `${x}.${y}`
}

export function leafOf(chain: string | readonly string[]): X509Certificate {
  return new X509Certificate(typeof chain === 'string' ? chain : chain[0]!)
}

function ecKeys() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function extension(identifier: string, value: Der): Der {
  return sequence(objectIdentifier(identifier), boolean(true), octetString(encodeDer(value)))
}
