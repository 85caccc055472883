import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import { createCsr } from '#runtime/csr.ts'
import type { Log } from '#runtime/log.ts'
import { Renewing } from '#runtime/renewing.ts'
import type { SignCertificate } from './authority-client.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import type { CredentialMetrics } from './metrics.ts'

export interface CredentialsOptions {
  readonly identity: SpiffeId
  readonly sign: SignCertificate
  readonly log: Log
  readonly metrics: CredentialMetrics
}

/** This pod's certificate: obtained, renewed at half-life with a new key each time, kept while renewal fails. */
export class Credentials {
  readonly #options: CredentialsOptions
  readonly #renewing: Renewing<Certificate>

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
    metrics.renewed(certificate)
    log.info('certificate issued', { serial: certificate.serial, notAfter: new Date(certificate.notAfter) })
    return certificate
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
