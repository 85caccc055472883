import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { keyIdentifier, name, type Signer, signCertificate } from './certificate.ts'
import { authorityExtensions } from './extensions.ts'
import { backdating } from './issue.ts'
import { AuthorityStateError, createKey, parseKey } from './keys.ts'
import type { SignerStore, StoredSigner } from './signer-store.ts'

/** Ten years in milliseconds. */
const rootLifetime = 3_652 * 24 * 3_600_000

/**
 * The root that every identity of the mesh hangs from, made on first use. Rejects with AuthorityStateError when its
 * parts do not fit each other or the trust domain: a root is never replaced behind its owner's back.
 */
export async function openRoot(store: SignerStore, trustDomain: string, now: number): Promise<Signer> {
  for (;;) {
    const stored = await store.read('root')
    const storedKey = keyOf(stored, store)
    if (stored.certificate !== undefined)
      return check(stored.certificate, storedKey, { trustDomain, now, store })
    // A key without certificate is what a crash between the two leaves behind.
    const privateKey = storedKey ?? createKey()
    const root = { certificate: selfSign(privateKey, trustDomain, now), privateKey, issuers: [] }
    if (await store.write('root', root)) return root
  }
}

function keyOf({ privateKey }: StoredSigner, store: SignerStore): KeyObject | undefined {
  if (privateKey === undefined) return undefined
  const key = parseKey(privateKey)
  if (key) return key
  throw new AuthorityStateError(
    `${store.places('root').privateKey} holds no P-256 private key in PEM: put the right file back, or remove it to ` +
      'have a new one made',
  )
}

function selfSign(privateKey: KeyObject, trustDomain: string, now: number): X509Certificate {
  const publicKey = createPublicKey(privateKey)
  const id = keyIdentifier(publicKey).toString('hex').slice(0, 8)
  const subject = name({ organization: trustDomain, commonName: `weft root ${id}` })
  return signCertificate(
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
}

interface Expected {
  readonly trustDomain: string
  readonly now: number
  readonly store: SignerStore
}

function check(pem: string, key: KeyObject | undefined, { trustDomain, now, store }: Expected): Signer {
  const places = store.places('root')
  const certificate = parseCertificate(pem)
  if (!certificate?.ca)
    throw new AuthorityStateError(
      `${places.certificate} holds no CA certificate in PEM: put the right file back`,
    )
  if (!key) {
    throw new AuthorityStateError(
      `${places.privateKey} is missing: put the key of ${places.certificate} back`,
    )
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new AuthorityStateError(
      `${places.privateKey} is not the key of ${places.certificate}: put its key back`,
    )
  }
  if (certificate.subjectAltName !== `URI:spiffe://${trustDomain}`) {
    throw new AuthorityStateError(
      `${places.certificate} is the root of ${certificate.subjectAltName?.replace('URI:', '') ?? 'no trust domain'}, ` +
        `the mesh is spiffe://${trustDomain}: write the first trust domain again, or remove the root and its key to ` +
        'have new ones made',
    )
  }
  if (certificate.validToDate.getTime() <= now) {
    throw new AuthorityStateError(
      `${places.certificate} ended at ${certificate.validTo}: remove the root and its key to have new ones made`,
    )
  }
  return { certificate, privateKey: key, issuers: [] }
}

export function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}
