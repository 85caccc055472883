import { generateKeyPair, type KeyObject, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import type { SignCertificate } from '#runtime/authority-client.ts'
import { createCsr } from '#runtime/csr.ts'
import type { Log } from '#runtime/log.ts'
import { Renewing } from '#runtime/renewing.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import type { CredentialMetrics } from './metrics.ts'
import { rootAbove } from './root-above.ts'

export interface CredentialsOptions {
  readonly identity: SpiffeId
  readonly sign: SignCertificate
  readonly log: Log
  readonly metrics: CredentialMetrics
}

/** Peers of two issuers meet while the mesh changes over; more than a few chains of them never do. */
const mostAuthorities = 16

/** This pod's certificate: obtained, renewed at half-life with a new key each time, kept while renewal fails. */
export class Credentials {
  readonly #options: CredentialsOptions
  readonly #renewing: Renewing<Certificate>
  #authorities: readonly X509Certificate[] = []

  constructor(options: CredentialsOptions) {
    this.#options = options
    this.#renewing = new Renewing({
      obtain: () => this.#obtain(),
      failed: (error, current) => this.#failed(error, current),
    })
  }

  current(): Certificate | undefined {
    return this.#renewing.current()
  }

  /** Calls the listener after every renewal. */
  onRenewed(listener: () => void): void {
    this.#renewing.onRenewed(listener)
  }

  /** The fingerprint of the bundle's root over this certificate; undefined where it is under none. */
  root(bundle: TrustBundle): string | undefined {
    const certificate = this.current()
    if (!certificate) return undefined
    return rootAbove(new X509Certificate(certificate.chain), certificate.intermediates, bundle)
  }

  /** Authorities below the roots, of this certificate and of some before it; the newest first. */
  authorities(): readonly X509Certificate[] {
    return this.#authorities
  }

  /** Renews within so many milliseconds, at a moment drawn at random, unless that is due sooner. */
  hasten(within: number): void {
    this.#renewing.hasten(within)
  }

  /** Renews now instead of at half-life; rejects when the authority does not sign. */
  async renew(): Promise<Certificate> {
    return await this.#renewing.renew()
  }

  /** Obtains and renews until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#renewing.run(signal)
  }

  async #obtain(): Promise<Certificate> {
    const { identity, sign, metrics, log } = this.#options
    const keys = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
    const chain = await sign(createCsr(keys))
    const certificate = parseCertificate(exportKey(keys.privateKey), chain, identity)
    this.#remember(certificate)
    metrics.renewed(certificate)
    log.info('certificate issued', { serial: certificate.serial, notAfter: new Date(certificate.notAfter) })
    return certificate
  }

  #remember({ intermediates }: Certificate): void {
    const isKnown = (one: X509Certificate) => intermediates.some(({ raw }) => raw.equals(one.raw))
    const before = this.#authorities.filter((one) => !isKnown(one))
    this.#authorities = [...intermediates, ...before].slice(0, mostAuthorities)
  }

  #failed(error: unknown, current: Certificate | undefined): void {
    const { metrics, log } = this.#options
    metrics.failures.inc()
    const left = current ? Math.round((current.notAfter - Date.now()) / 1_000) : undefined
    log.warn('the certificate could not be obtained', { error, secondsLeft: left })
  }
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
