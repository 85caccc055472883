import { createPublicKey, type X509Certificate } from 'node:crypto'
import { keyIdentifier, name, type Signer, signCertificate, subjectOf } from './certificate.ts'
import { authorityExtensions } from './extensions.ts'
import { backdating } from './issue.ts'
import { createKey, exportKey, parseKey } from './keys.ts'
import type { Renewable } from './renewals.ts'
import { parseCertificate, type Root } from './root.ts'
import type { SignerStore, StoredData } from './signer-store.ts'

/** One year in milliseconds. */
const issuerLifetime = 365 * 24 * 3_600_000

/** The intermediate that signs workloads' certificates, so that the root's key is used once a year. */
export class Issuer implements Renewable {
  readonly label = 'issuer'
  readonly #store: SignerStore
  /** The one that it is to be under. */
  #root: Root
  /** The one that it is under. */
  #under: Root
  #signer: Signer

  private constructor(store: SignerStore, root: Root, signer: Signer) {
    this.#store = store
    this.#root = root
    this.#under = root
    this.#signer = signer
  }

  /** The stored issuer when it is still good, else a new one. */
  static async open(store: SignerStore, root: Root, now: number): Promise<Issuer> {
    for (;;) {
      const kept = await store.read('issuer')
      const stored = signerOf(kept.data, root)
      if (stored && isGood(stored, store, now)) return new Issuer(store, root, stored)
      const signer = createIssuer(root, now)
      if (await store.write('issuer', format(signer), kept)) return new Issuer(store, root, signer)
    }
  }

  get signer(): Signer {
    return this.#signer
  }

  /** The root that its certificates hang from. */
  get root(): Root {
    return this.#under
  }

  /** Whether it is under the root that it is to be under. */
  get settled(): boolean {
    return this.#under === this.#root
  }

  /**
   * When `renew` is due, in milliseconds since 1970: two thirds through its life, months before its end, and at once
   * under another root. Never where another process renews it.
   */
  get renewAt(): number {
    if (!this.#store.writing) return Number.POSITIVE_INFINITY
    return this.settled ? renewalOf(this.#signer) : 0
  }

  /** Goes under another root. Until it is renewed there, it signs as before. */
  moveTo(root: Root): void {
    if (sameRoot(root, this.#root)) return
    this.#root = root
  }

  /** Replaces the issuer; certificates of the former one stay good, their chains carry it. */
  async renew(now: number): Promise<void> {
    const root = this.#root
    const signer = createIssuer(root, now)
    const kept = await this.#store.read('issuer')
    if (await this.#store.write('issuer', format(signer), kept)) this.#take(signer, root)
  }

  /** Takes what another process wrote. False when that is no issuer of this root: the one in use stays. */
  async adopt(): Promise<boolean> {
    const root = this.#root
    const stored = signerOf((await this.#store.read('issuer')).data, root)
    if (stored) this.#take(stored, root)
    return stored !== undefined
  }

  /** Writes it again where it was removed. False when it was not, or another process is to do it. */
  async putBack(): Promise<boolean> {
    const kept = await this.#store.read('issuer')
    if (Object.keys(kept.data).length > 0 || !this.#store.writing) return false
    return (await this.#store.write('issuer', format(this.#signer), kept)) !== undefined
  }

  #take(signer: Signer, root: Root): void {
    this.#signer = signer
    this.#under = root
  }
}

function sameRoot(a: Root, b: Root): boolean {
  return a.certificate.raw.equals(b.certificate.raw)
}

/** Whoever does not write must do with what is there until it ends. */
function isGood(stored: Signer, store: SignerStore, now: number): boolean {
  return (store.writing ? renewalOf(stored) : stored.certificate.validToDate.getTime()) > now
}

/** Any doubt about the stored issuer is answered by a new one, which costs nothing: peers know only the root. */
function signerOf(data: StoredData, root: Root): Signer | undefined {
  const { 'tls.crt': certificatePem, 'tls.key': keyPem } = data
  const privateKey = keyPem === undefined ? undefined : parseKey(keyPem)
  const certificate = certificatePem === undefined ? undefined : parseCertificate(certificatePem)
  if (!certificate?.ca || !privateKey || !certificate.checkPrivateKey(privateKey)) return undefined
  if (!isUnder(certificate, root)) return undefined
  return { certificate, privateKey, issuers: [root.certificate] }
}

function isUnder(certificate: X509Certificate, root: Root): boolean {
  return certificate.checkIssued(root.certificate) && certificate.verify(root.certificate.publicKey)
}

function format({ certificate, privateKey }: Signer): StoredData {
  return { 'tls.crt': certificate.toString(), 'tls.key': exportKey(privateKey) }
}

function createIssuer(root: Root, now: number): Signer {
  if (!root.privateKey) throw new Error('the key of the root that is to sign is not here')
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
