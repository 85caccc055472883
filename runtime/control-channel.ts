import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  Channel,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientOptions,
  connectivityState,
  experimental,
  Metadata,
} from '@grpc/grpc-js'
import { certificatesIn } from './certificates.ts'
import type { HostPort } from './env.ts'

type CertificateProvider = Parameters<typeof experimental.createCertificateProviderChannelCredentials>[0]
type CaListener = Parameters<CertificateProvider['addCaCertificateListener']>[0]

export interface ControlChannelOptions {
  readonly controlPlane: HostPort
  readonly controlPlaneName: string
  readonly trustBundle: string
  readonly token: string
  /** Milliseconds that a connection may take to come about, TLS included; 5 s by default. */
  readonly connectLimit?: number
  /** Milliseconds between looks at the bundle while a connection stands; 30 s by default. */
  readonly lookInterval?: number
}

/** A generated client of any service. */
export type ClientOf<T> = new (
  target: string,
  credentials: ChannelCredentials,
  options: Partial<ClientOptions>,
) => T

/** Milliseconds between looks at the bundle while a connection stands. */
const lookInterval = 30_000

/** One call, or one stream, to the control plane. */
export interface OpenedCall<T> {
  readonly client: T
  readonly metadata: Metadata
}

/**
 * The one connection to the control plane, for every service that it has: TLS by the bundle file alone, with the token
 * file's content on every call.
 *
 * A connection that was lost or did not come about is never waited for but left for a new one, since grpc-js has no
 * limit for it: a Service may have led the first packet to a pod that was just going, at whose door the kernel goes on
 * knocking for two minutes, and meanwhile every call fails with the error of the attempt before.
 */
export class ControlChannel {
  readonly target: string
  readonly #credentials: ChannelCredentials
  readonly #options: ChannelOptions
  readonly #connectLimit: number
  readonly #token: string
  readonly #roots: BundleFile
  readonly #abandoned = new Set<() => void>()
  readonly #look: NodeJS.Timeout
  #channel: Channel | undefined
  #connecting: Promise<Channel> | undefined

  constructor(options: ControlChannelOptions) {
    const { controlPlane, controlPlaneName, trustBundle, token, connectLimit = 5_000 } = options
    const { host, port } = controlPlane
    this.target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    this.#roots = new BundleFile(trustBundle)
    this.#credentials = experimental.createCertificateProviderChannelCredentials(this.#roots, null)
    this.#options = {
      'grpc.ssl_target_name_override': controlPlaneName,
      'grpc.default_authority': controlPlaneName,
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.max_receive_message_length': 16 * 1024 * 1024,
      'grpc.enable_retries': 0,
      'grpc.service_config_disable_resolution': 1,
      // Otherwise a new channel would share the very connection that is being left.
      'grpc.use_local_subchannel_pool': 1,
    }
    this.#connectLimit = connectLimit
    this.#token = token
    // A file that cannot be read now takes nothing away; the next call names it.
    this.#look = setInterval(() => {
      try {
        this.#refresh()
      } catch {}
    }, options.lookInterval ?? lookInterval).unref()
  }

  /** Calls the listener when a stream that is open must end: the root that its control plane was verified by may be gone. */
  onAbandoned(listener: () => void): void {
    this.#abandoned.add(listener)
  }

  /**
   * A client to make one call with, and that call's metadata: the token as its file holds it now, over a connection that
   * the trust bundle of now accepts. Rejects with an Error that names the file that cannot be used, or the limit of time.
   */
  async open<T>(Client: ClientOf<T>): Promise<OpenedCall<T>> {
    this.#refresh()
    const metadata = new Metadata()
    metadata.set('authorization', `Bearer ${await this.#readToken()}`)
    const channelOverride = await this.#connected()
    return { client: new Client(this.target, this.#credentials, { channelOverride }), metadata }
  }

  /** Gives the connection up for good; calls that are under way end by themselves. */
  close(): void {
    clearInterval(this.#look)
    this.#leave()
  }

  #leave(): void {
    this.#channel?.close()
    this.#channel = undefined
  }

  /** Whoever has a root's key may pretend to be the control plane; once the root is gone, nobody is believed by it. */
  #refresh(): void {
    if (!this.#roots.refresh()) return
    this.#leave()
    for (const listener of this.#abandoned) listener()
  }

  async #connected(): Promise<Channel> {
    if (this.#channel?.getConnectivityState(false) === connectivityState.READY) return this.#channel
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return await this.#connecting
  }

  async #connect(): Promise<Channel> {
    this.#leave()
    const channel = new Channel(this.target, this.#credentials, this.#options)
    this.#channel = channel
    await settled(channel, this.#connectLimit).catch((error: unknown) => {
      channel.close()
      throw error
    })
    return channel
  }

  /** Says of a call that failed because no root of the file is over the control plane's certificate what to look at. */
  explain(error: unknown): unknown {
    if (!(error instanceof Error) || !unknownRoot.test(error.message)) return error
    return new Error(
      `the trust bundle ${this.#roots.path} has no root of the certificate that the control plane shows: bring the ` +
        'file up to date, and look whether that is the control plane of this mesh',
      { cause: error },
    )
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

/** The certificates of a bundle, as they are written. */
function rootsIn(pem: Buffer): Set<string> {
  return new Set(certificatesIn(pem.toString('latin1')).map((root) => root.replaceAll(/\s/g, '')))
}

/**
 * Resolves once the channel is connected or has failed, in which case the call that is made on it says why. Rejects when
 * neither happens within the limit.
 */
function settled(channel: Channel, limit: number): Promise<void> {
  const deadline = Date.now() + limit
  return new Promise((resolve, reject) => {
    const look = (): void => {
      const state = channel.getConnectivityState(true)
      if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) return resolve()
      channel.watchConnectivityState(state, deadline, (late) => {
        if (late) reject(new Error(`no connection to ${channel.getTarget()} within ${limit / 1_000} s`))
        else look()
      })
    }
    look()
  })
}

/** OpenSSL's words, which grpc-js puts into its own. */
const unknownRoot = /unable to (get local issuer|verify the first)|self-signed certificate/

/** grpc-js' port for roots that change; the experimental part of its interface that weft uses on this side. */
class BundleFile implements CertificateProvider {
  readonly path: string
  readonly #listeners = new Set<CaListener>()
  #last: Buffer | undefined

  constructor(path: string) {
    this.path = path
  }

  /** Whether a root is in it no longer. Throws an Error that names the file when it cannot be read. */
  refresh(): boolean {
    const pem = this.#read()
    const before = this.#last
    if (before?.equals(pem)) return false
    this.#last = pem
    for (const listener of this.#listeners) listener({ caCertificate: pem })
    const roots = rootsIn(pem)
    // A file without any is a mistake; no new connection comes of it, and the one that stands has lost nothing by it.
    return before !== undefined && roots.size > 0 && !rootsIn(before).isSubsetOf(roots)
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#listeners.add(listener)
    // A connection is only made after open() read the file, so this is what it read.
    listener(this.#last ? { caCertificate: this.#last } : null)
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#listeners.delete(listener)
  }

  addIdentityCertificateListener(): void {}

  removeIdentityCertificateListener(): void {}

  #read(): Buffer {
    try {
      return readFileSync(this.path)
    } catch (cause) {
      throw new Error(`the trust bundle ${this.path} cannot be read`, { cause })
    }
  }
}
