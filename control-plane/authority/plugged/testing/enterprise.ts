import { createPublicKey, generateKeyPairSync, type KeyObject, type X509Certificate } from 'node:crypto'
import { name, type Signer, signCertificate, subjectOf } from '../../certificate.ts'
import { type ExtensionName, extensionIdentifiers, subjectKeyOf } from '../../certificate-extensions.ts'
import {
  boolean,
  type Der,
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  taggedBytes,
} from '../../der.ts'
import { authorityExtensions } from '../../extensions.ts'
import { exportKey } from '../../keys.ts'

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'secp256k1' | 'RSA-1024' | 'RSA-2048' | 'Ed25519'

export interface AuthorityOptions {
  readonly key?: KeyKind | KeyObject
  /** Milliseconds since 1970. */
  readonly notBefore?: number
  readonly notAfter?: number
  /** In place of the usual ones, or beside them; undefined leaves one away. */
  readonly extensions?: Partial<Record<ExtensionName, Der | undefined>>
}

const hour = 3_600_000

/** An authority as an enterprise makes one: a root, or one under another. */
export function authority(commonName: string, above?: Signer, options: AuthorityOptions = {}): Signer {
  const { key = 'P-256', notBefore = Date.now() - hour, notAfter = Date.now() + 10_000 * hour } = options
  const privateKey = typeof key === 'string' ? createKey(key) : key
  const publicKey = createPublicKey(privateKey)
  const subject = name({ organization: 'Example', commonName })
  const issuerKey = above ? above.privateKey : privateKey
  const aboveKey = above && subjectKeyOf(above.certificate)
  const usual = authorityExtensions(publicKey, createPublicKey(issuerKey), 1, 'spiffe://unused')
  const fields = {
    subject,
    issuer: above ? subjectOf(above.certificate) : subject,
    notBefore,
    notAfter,
    publicKey,
    extensions: replaced(usual, {
      basicConstraints: sequence(boolean(true)),
      subjectAltName: undefined,
      // As the one above names its own key, which others do in another way than weft.
      ...(aboveKey && { authorityKeyIdentifier: sequence(taggedBytes(0, aboveKey)) }),
      ...options.extensions,
    }),
  }
  const issuers = above ? [above.certificate, ...above.issuers] : []
  return { certificate: signCertificate(fields, issuerKey), privateKey, issuers }
}

export function createKey(kind: KeyKind): KeyObject {
  switch (kind) {
    case 'Ed25519':
      return generateKeyPairSync('ed25519').privateKey
    case 'RSA-1024':
    case 'RSA-2048':
      return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(4)) }).privateKey
    default:
      return generateKeyPairSync('ec', { namedCurve: kind }).privateKey
  }
}

/** PEM of a signer's key and of certificates, as an enterprise would put them into one file. */
export function pemOf(signer: Signer, ...certificates: readonly X509Certificate[]): string {
  return [exportKey(signer.privateKey), ...certificates.map(String)].join('')
}

/** A signer with everything above it, in one PEM file. */
export function wholePem(signer: Signer): string {
  return pemOf(signer, signer.certificate, ...signer.issuers)
}

function replaced(
  usual: readonly Der[],
  others: Partial<Record<ExtensionName, Der | undefined>>,
): readonly Der[] {
  const kept = usual.filter((extension) => {
    const bytes = encodeDer(extension)
    return !Object.keys(others).some((each) => bytes.includes(encodeDer(identifier(each as ExtensionName))))
  })
  const added = Object.entries(others).flatMap(([each, value]) => {
    if (!value) return []
    // Nobody knows what a critical one of these would mean.
    const critical = each === 'authorityKeyIdentifier' ? [] : [boolean(true)]
    return [sequence(identifier(each as ExtensionName), ...critical, octetString(encodeDer(value)))]
  })
  return [...kept, ...added]
}

function identifier(of: ExtensionName): Der {
  return objectIdentifier(extensionIdentifiers[of])
}
