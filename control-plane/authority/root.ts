import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto'
import { keyIdentifier, name, type Signer, signCertificate } from './certificate.ts'
import { authorityExtensions } from './extensions.ts'
import { backdating } from './issue.ts'
import { AuthorityStateError, createKey, readKey, writeKey } from './keys.ts'
import type { StateDirectory } from './state-directory.ts'

export const rootCertificateFile = 'root.pem'
const keyFile = 'root-key.pem'
/** Ten years in milliseconds. */
const rootLifetime = 3_652 * 24 * 3_600_000

/**
 * The root that every identity of the mesh hangs from, made on first use. Rejects with AuthorityStateError when the
 * files do not fit each other or the trust domain: a root is never replaced behind its owner's back.
 */
export async function openRoot(state: StateDirectory, trustDomain: string, now: number): Promise<Signer> {
  const stored = await state.read(rootCertificateFile)
  const storedKey = await readKey(state, keyFile)
  if (stored !== undefined) return check(stored, storedKey, trustDomain, now, state.path)
  const privateKey = storedKey ?? createKey()
  // The key first: a key without certificate is completed at the next start, the reverse could not be.
  if (!storedKey) await writeKey(state, keyFile, privateKey)
  const certificate = selfSign(privateKey, trustDomain, now)
  await state.write(rootCertificateFile, certificate.toString(), 0o644)
  return { certificate, privateKey }
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

function check(pem: string, key: KeyObject | undefined, domain: string, now: number, folder: string): Signer {
  const file = `${folder}/${rootCertificateFile}`
  const certificate = parseCertificate(pem)
  if (!certificate?.ca)
    throw new AuthorityStateError(`${file} holds no CA certificate in PEM: put the right file back`)
  if (!key) {
    throw new AuthorityStateError(
      `${folder}/${keyFile} is missing: put the key of ${rootCertificateFile} back`,
    )
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new AuthorityStateError(
      `${folder}/${keyFile} is not the key of ${rootCertificateFile}: put its key back`,
    )
  }
  if (certificate.subjectAltName !== `URI:spiffe://${domain}`) {
    throw new AuthorityStateError(
      `${file} is the root of ${certificate.subjectAltName?.replace('URI:', '') ?? 'no trust domain'}, the mesh is ` +
        `spiffe://${domain}: write the first trust domain again, or use another state directory`,
    )
  }
  if (certificate.validToDate.getTime() <= now) {
    throw new AuthorityStateError(
      `${file} ended at ${certificate.validTo}: use another state directory for a new root`,
    )
  }
  return { certificate, privateKey: key }
}

export function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}
