import { createPublicKey } from 'node:crypto'
import { keyIdentifier, name, type Signer, signCertificate, subjectOf } from './certificate.ts'
import { authorityExtensions } from './extensions.ts'
import { backdating } from './issue.ts'
import { createKey, parseKey } from './keys.ts'
import type { Renewable } from './renewals.ts'
import { parseCertificate } from './root.ts'
import type { SignerStore, StoredSigner } from './signer-store.ts'

/** One year in milliseconds. */
const issuerLifetime = 365 * 24 * 3_600_000

/** The intermediate that signs workloads' certificates, so that the root's key is used once a year. */
export class Issuer implements Renewable {
  readonly label = 'issuer'
  readonly #store: SignerStore
  readonly #root: Signer
  #signer: Signer

  private constructor(store: SignerStore, root: Signer, signer: Signer) {
    this.#store = store
    this.#root = root
    this.#signer = signer
  }

  /** The stored issuer when it is still good, else a new one. */
  static async open(store: SignerStore, root: Signer, now: number): Promise<Issuer> {
    for (;;) {
      const stored = signerOf(await store.read('issuer'), root)
      if (stored && isGood(stored, store, now)) return new Issuer(store, root, stored)
      const signer = createIssuer(root, now)
      if (await store.write('issuer', signer)) return new Issuer(store, root, signer)
    }
  }

  get signer(): Signer {
    return this.#signer
  }

  /**
   * When `renew` is due, in milliseconds since 1970: two thirds through its life, months before its end. Never where
   * another process renews it.
   */
  get renewAt(): number {
    return this.#store.writing ? renewalOf(this.#signer) : Number.POSITIVE_INFINITY
  }

  /** Replaces the issuer; certificates of the former one stay good, their chains carry it. */
  async renew(now: number): Promise<void> {
    const signer = createIssuer(this.#root, now)
    if (await this.#store.write('issuer', signer)) this.#signer = signer
  }

  /** Takes what another process wrote. False when that is no issuer of this root: the one in use stays. */
  async adopt(): Promise<boolean> {
    const stored = signerOf(await this.#store.read('issuer'), this.#root)
    if (stored) this.#signer = stored
    return stored !== undefined
  }
}

/** Whoever does not write must do with what is there until it ends. */
function isGood(stored: Signer, store: SignerStore, now: number): boolean {
  return (store.writing ? renewalOf(stored) : stored.certificate.validToDate.getTime()) > now
}

/** Any doubt about the stored issuer is answered by a new one, which costs nothing: peers know only the root. */
function signerOf(stored: StoredSigner, root: Signer): Signer | undefined {
  const privateKey = stored.privateKey === undefined ? undefined : parseKey(stored.privateKey)
  const certificate = stored.certificate === undefined ? undefined : parseCertificate(stored.certificate)
  if (!certificate?.ca || !privateKey || !certificate.checkPrivateKey(privateKey)) return undefined
  return certificate.verify(root.certificate.publicKey)
    ? { certificate, privateKey, issuers: [root.certificate] }
    : undefined
}

function createIssuer(root: Signer, now: number): Signer {
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
  return { certificate, privateKey, issuers: [root.certificate] }
}

function renewalOf({ certificate }: Signer): number {
  const start = certificate.validFromDate.getTime()
  return start + ((certificate.validToDate.getTime() - start) * 2) / 3
}
