import { createPublicKey } from 'node:crypto'
import { keyIdentifier, name, type Signer, signCertificate, subjectOf } from './certificate.ts'
import { authorityExtensions } from './extensions.ts'
import { backdating, endOf } from './issue.ts'
import { AuthorityStateError, createKey, exportKey, parseAnyKey } from './keys.ts'
import { pathsFrom } from './plugged/path.ts'
import type { Renewable } from './renewals.ts'
import { parseCertificates, type Root, sameRoot } from './root.ts'
import type { Prospect } from './rotation/advance.ts'
import type { SignerStore, StoredData } from './signer-store.ts'

/** Authorities that somebody else made, by the root that they are under. */
export interface PluggedSigners {
  under(root: Root): Signer | undefined
  /** Whether there never was a good one; it may come. */
  readonly awaited: boolean
  /** Resolves once another one is there. */
  another(): Promise<unknown>
}

export interface IssuerOptions {
  readonly store: SignerStore
  /** The one that it is to be under. */
  readonly root: Root
  /** Milliseconds since 1970. */
  readonly now: number
  readonly plugged?: PluggedSigners | undefined
  /** The root that is on its way out, and believed yet. */
  readonly old?: Root | undefined
}

/** One year in milliseconds. */
const issuerLifetime = 365 * 24 * 3_600_000

/**
 * The intermediate that signs workloads' certificates, so that the root's key is used once a year. It is made here, unless
 * one is plugged in that is under the root: then it is kept here too, and outlives what is put in its place.
 */
export class Issuer implements Renewable {
  readonly label = 'issuer'
  readonly #store: SignerStore
  readonly #plugged: PluggedSigners | undefined
  /** The one that it is to be under. */
  #root: Root
  /** The one that it is under. */
  #under: Root
  #signer: Signer

  private constructor({ store, root, plugged }: IssuerOptions, signer: Signer, under = root) {
    this.#store = store
    this.#plugged = plugged
    this.#root = root
    this.#under = under
    this.#signer = signer
  }

  /**
   * What is plugged in, else the stored issuer when it is still good, else a new one. Where the root's key is elsewhere
   * and nothing is plugged in under it, a stored one under the old root, until there is something.
   */
  static async open(options: IssuerOptions): Promise<Issuer> {
    const { store, root, now, plugged, old } = options
    for (;;) {
      const given = plugged?.under(root)
      if (given) return new Issuer(options, given)
      const kept = await store.read('issuer')
      const stored = goodSignerOf(kept.data, root, store, now)
      if (stored) return new Issuer(options, stored)
      const former = old && !root.privateKey && goodSignerOf(kept.data, old, store, now)
      if (former) return new Issuer(options, former, old)
      if (plugged && !root.privateKey) await plugged.another()
      else {
        const signer = createIssuer(root, now)
        if (await store.write('issuer', format(signer), kept)) return new Issuer(options, signer)
      }
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
   * under another root. Never where another process renews it, or where it is somebody else's.
   */
  get renewAt(): number {
    if (!this.#store.writing) return Number.POSITIVE_INFINITY
    if (!this.settled) return 0
    return this.#root.privateKey ? renewalOf(this.#signer) : Number.POSITIVE_INFINITY
  }

  /** Whether it could go under another root. */
  prospect(root: Root): Prospect {
    if (root.privateKey || this.#plugged?.under(root)) return 'ready'
    return this.#plugged?.awaited ? 'awaited' : 'gone'
  }

  /** Goes under another root. Until it is renewed there, it signs as before. */
  moveTo(root: Root): void {
    if (sameRoot(root, this.#root)) return
    this.#root = root
  }

  /** Replaces the issuer; certificates of the former one stay good, their chains carry it. */
  async renew(now: number): Promise<void> {
    const root = this.#root
    const signer = this.#plugged?.under(root) ?? createIssuer(root, now)
    const kept = await this.#store.read('issuer')
    if (await this.#store.write('issuer', format(signer), kept)) this.#take(signer, root)
  }

  /** Signs with what is plugged in, if it is under the root that it is to be under, and keeps it. */
  async plugIn(): Promise<void> {
    for (;;) {
      const root = this.#root
      const signer = this.#plugged?.under(root)
      if (!signer) return
      this.#take(signer, root)
      if (!this.#store.writing) return
      const kept = await this.#store.read('issuer')
      const data = format(signer)
      if (JSON.stringify(data) === JSON.stringify(kept.data)) return
      // Another one may have been plugged in, and kept, since this one was looked for: then that is the one.
      if (await this.#store.write('issuer', data, kept)) return
    }
  }

  /** Takes what another process wrote. False when that is no issuer of this root: the one in use stays. */
  async adopt(): Promise<boolean> {
    const root = this.#root
    const stored = this.#plugged?.under(root) ?? signerOf((await this.#store.read('issuer')).data, root)
    if (stored) this.#take(stored, root)
    return stored !== undefined
  }

  /** Writes it again where it was removed or damaged. False when it was not, or another process is to do it. */
  async putBack(): Promise<boolean> {
    const kept = await this.#store.read('issuer')
    // One of another root may only be ahead of word of that root.
    if (partsOf(kept.data) || !this.#store.writing) return false
    return (await this.#store.write('issuer', format(this.#signer), kept)) !== undefined
  }

  #take(signer: Signer, root: Root): void {
    this.#signer = signer
    this.#under = root
  }
}

/** Whoever does not write must do with what is there until it ends. */
function goodSignerOf(data: StoredData, root: Root, store: SignerStore, now: number): Signer | undefined {
  const stored = signerOf(data, root)
  if (!stored) return undefined
  return (store.writing && root.privateKey ? renewalOf(stored) : endOf(stored)) > now ? stored : undefined
}

/** Any doubt about the stored issuer is answered by a new one, which costs nothing: peers know only the root. */
function signerOf(data: StoredData, root: Root): Signer | undefined {
  const parts = partsOf(data)
  if (!parts) return undefined
  const { certificate, privateKey, above } = parts
  const paths = pathsFrom(certificate, [...above, root.certificate])
  const path = paths.find((each) => sameRoot({ certificate: each.root }, root))
  return path && { certificate, privateKey, issuers: path.issuers }
}

/** Undefined for what could sign under no root. */
function partsOf(data: StoredData) {
  const [certificate, ...above] = parseCertificates(data['tls.crt'] ?? '')
  const privateKey = parseAnyKey(data['tls.key'] ?? '')
  if (!certificate?.ca || !privateKey || !certificate.checkPrivateKey(privateKey)) return undefined
  return { certificate, privateKey, above }
}

/** With the authorities between it and the root, which is kept elsewhere. */
function format({ certificate, privateKey, issuers }: Signer): StoredData {
  const chain = [certificate, ...issuers.slice(0, -1)]
  return { 'tls.crt': chain.map(String).join(''), 'tls.key': exportKey(privateKey) }
}

function createIssuer(root: Root, now: number): Signer {
  if (!root.privateKey) {
    throw new AuthorityStateError(
      'no certificate authority is plugged in under the root that is to sign, whose key is not here: plug one in',
    )
  }
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
