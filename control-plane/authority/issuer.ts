import { createPublicKey } from 'node:crypto'
import { keyIdentifier, name, type Signer, signCertificate, subjectOf } from './certificate.ts'
import { authorityExtensions } from './extensions.ts'
import { backdating } from './issue.ts'
import { createKey, parseKey, writeKey } from './keys.ts'
import type { Renewable } from './renewals.ts'
import { parseCertificate } from './root.ts'
import type { StateDirectory } from './state-directory.ts'

const certificateFile = 'issuer.pem'
const keyFile = 'issuer-key.pem'
/** One year in milliseconds. */
const issuerLifetime = 365 * 24 * 3_600_000

/** The intermediate that signs workloads' certificates, so that the root's key is used once a year. */
export class Issuer implements Renewable {
  readonly label = 'issuer'
  readonly #state: StateDirectory
  readonly #root: Signer
  #signer: Signer

  private constructor(state: StateDirectory, root: Signer, signer: Signer) {
    this.#state = state
    this.#root = root
    this.#signer = signer
  }

  /** The stored issuer when it is still good, else a new one. */
  static async open(state: StateDirectory, root: Signer, now: number): Promise<Issuer> {
    const stored = await readSigner(state, root)
    if (stored && renewalOf(stored) > now) return new Issuer(state, root, stored)
    return new Issuer(state, root, await createIssuer(state, root, now))
  }

  get signer(): Signer {
    return this.#signer
  }

  /** When `renew` is due, in milliseconds since 1970: two thirds through its life, months before its end. */
  get renewAt(): number {
    return renewalOf(this.#signer)
  }

  /** Replaces the issuer; certificates of the former one stay good, their chains carry it. */
  async renew(now: number): Promise<void> {
    this.#signer = await createIssuer(this.#state, this.#root, now)
  }
}

/** Any doubt about the stored issuer is answered by a new one, which costs nothing: peers know only the root. */
async function readSigner(state: StateDirectory, root: Signer): Promise<Signer | undefined> {
  const pem = await state.read(certificateFile)
  const keyPem = await state.read(keyFile)
  const privateKey = keyPem === undefined ? undefined : parseKey(keyPem)
  const certificate = pem === undefined ? undefined : parseCertificate(pem)
  if (!certificate?.ca || !privateKey || !certificate.checkPrivateKey(privateKey)) return undefined
  return certificate.verify(root.certificate.publicKey) ? { certificate, privateKey } : undefined
}

async function createIssuer(state: StateDirectory, root: Signer, now: number): Promise<Signer> {
  const privateKey = createKey()
  const publicKey = createPublicKey(privateKey)
  const id = keyIdentifier(publicKey).toString('hex').slice(0, 8)
  const trustDomain = root.certificate.subjectAltName?.replace('URI:spiffe://', '') ?? ''
  const certificate = signCertificate(
    {
      subject: name({ organization: trustDomain, commonName: `weft issuer ${id}` }),
      issuer: subjectOf(root.certificate),
      notBefore: Math.max(now - backdating, root.certificate.validFromDate.getTime()),
      notAfter: Math.min(now + issuerLifetime, root.certificate.validToDate.getTime()),
      publicKey,
      extensions: authorityExtensions(publicKey, root.certificate.publicKey, 0, `spiffe://${trustDomain}`),
    },
    root.privateKey,
  )
  await writeKey(state, keyFile, privateKey)
  await state.write(certificateFile, certificate.toString(), 0o644)
  return { certificate, privateKey }
}

function renewalOf({ certificate }: Signer): number {
  const start = certificate.validFromDate.getTime()
  return start + ((certificate.validToDate.getTime() - start) * 2) / 3
}
