import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import { Backoff } from '#runtime/backoff.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import type { SignCertificate } from './authority-client.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { createCsr } from './csr.ts'
import type { CredentialMetrics } from './metrics.ts'
import { renewalTime } from './renewal.ts'

export interface CredentialsOptions {
  readonly identity: SpiffeId
  readonly sign: SignCertificate
  readonly log: Log
  readonly metrics: CredentialMetrics
}

/** This pod's certificate: obtained, renewed at half-life with a new key each time, kept while renewal fails. */
export class Credentials {
  readonly #options: CredentialsOptions
  readonly #listeners = new Set<() => void>()
  #current: Certificate | undefined
  #renewAt = 0
  #moved: (() => void) | undefined

  constructor(options: CredentialsOptions) {
    this.#options = options
  }

  current(): Certificate | undefined {
    return this.#current
  }

  /** Calls the listener after every renewal. */
  onRenewed(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Renews now instead of at half-life; rejects when the authority does not sign. */
  async renew(): Promise<Certificate> {
    const { identity, sign, metrics, log } = this.#options
    const keys = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
    const chain = await sign(createCsr(keys))
    const certificate = parseCertificate(exportKey(keys.privateKey), chain, identity)
    this.#current = certificate
    // A lifetime that the authority clipped to nearly nothing must not make a loop of renewals.
    this.#renewAt = Math.max(renewalTime(certificate, Math.random()), Date.now() + 1_000)
    metrics.renewed(certificate)
    log.info('certificate issued', { serial: certificate.serial, notAfter: new Date(certificate.notAfter) })
    for (const listener of this.#listeners) listener()
    this.#moved?.()
    return certificate
  }

  /** Obtains and renews until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ minimum: 200, maximum: 30_000 })
    while (!signal.aborted) {
      if (Date.now() < this.#renewAt) {
        await this.#rest(signal)
        continue
      }
      try {
        await this.renew()
        backoff.reset()
      } catch (error) {
        this.#failed(error)
        await sleep(backoff.next(), signal)
      }
    }
  }

  #failed(error: unknown): void {
    const { metrics, log } = this.#options
    metrics.failures.inc()
    const left = this.#current ? Math.round((this.#current.notAfter - Date.now()) / 1_000) : undefined
    log.warn('the certificate could not be obtained', { error, secondsLeft: left })
  }

  /** Waits for the renewal time, or until another renewal has moved it. */
  async #rest(signal: AbortSignal): Promise<void> {
    const moved = new AbortController()
    this.#moved = () => moved.abort()
    // Timers hold at most 2^31 ms; the loop rests again.
    const wait = Math.min(this.#renewAt - Date.now(), 2 ** 31 - 1)
    await sleep(wait, AbortSignal.any([signal, moved.signal]))
  }
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
