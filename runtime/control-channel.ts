import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type ChannelCredentials, type ChannelOptions, experimental, Metadata } from '@grpc/grpc-js'
import type { HostPort } from './env.ts'

type CertificateProvider = Parameters<typeof experimental.createCertificateProviderChannelCredentials>[0]
type CaListener = Parameters<CertificateProvider['addCaCertificateListener']>[0]

export interface ControlChannelOptions {
  readonly controlPlane: HostPort
  readonly controlPlaneName: string
  readonly trustBundle: string
  readonly token: string
}

/** How the control plane is dialled: TLS by the bundle file alone, with the token file's content on every call. */
export class ControlChannel {
  readonly target: string
  readonly credentials: ChannelCredentials
  readonly options: ChannelOptions
  readonly #token: string
  readonly #roots: BundleFile

  constructor({ controlPlane, controlPlaneName, trustBundle, token }: ControlChannelOptions) {
    const { host, port } = controlPlane
    this.target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    this.#roots = new BundleFile(trustBundle)
    this.credentials = experimental.createCertificateProviderChannelCredentials(this.#roots, null)
    this.options = {
      'grpc.ssl_target_name_override': controlPlaneName,
      'grpc.default_authority': controlPlaneName,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 5_000,
      // It dials anew only after it has looked the name up again, and by itself waits half a minute for that.
      'grpc.dns_min_time_between_resolutions_ms': 1_000,
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
    }
    this.#token = token
  }

  /**
   * Metadata of one call, with the token as the file holds it now; reads the trust bundle again too. Throws an Error
   * that names the file that cannot be used.
   */
  async metadata(): Promise<Metadata> {
    this.#roots.refresh()
    const metadata = new Metadata()
    metadata.set('authorization', `Bearer ${await this.#readToken()}`)
    return metadata
  }

  async #readToken(): Promise<string> {
    const text = await readFile(this.#token, 'utf8').catch((cause: unknown) => {
      throw new Error(`the token file ${this.#token} cannot be read`, { cause })
    })
    const token = text.trim()
    // Found out here, because grpc-js quotes a value that it refuses, and a token belongs in no log.
    if (/^[!-~]+$/.test(token)) return token
    throw new Error(`the token file ${this.#token} holds no token: write one line of ASCII without spaces`)
  }
}

/** grpc-js' port for roots that change; the experimental part of its interface that weft uses on this side. */
class BundleFile implements CertificateProvider {
  readonly #path: string
  readonly #listeners = new Set<CaListener>()
  #last: Buffer | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** Throws an Error that names the file when it cannot be read. */
  refresh(): void {
    const pem = this.#read()
    if (this.#last?.equals(pem)) return
    this.#last = pem
    for (const listener of this.#listeners) listener({ caCertificate: pem })
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#listeners.add(listener)
    // The channel is only used after metadata() read the file, so this is what it read.
    listener(this.#last ? { caCertificate: this.#last } : null)
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#listeners.delete(listener)
  }

  addIdentityCertificateListener(): void {}

  removeIdentityCertificateListener(): void {}

  #read(): Buffer {
    try {
      return readFileSync(this.#path)
    } catch (cause) {
      throw new Error(`the trust bundle ${this.#path} cannot be read`, { cause })
    }
  }
}
