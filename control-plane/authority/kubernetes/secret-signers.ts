import { ownLabels } from '../../watch/kubernetes/api/apply.ts'
import type { ApiClient } from '../../watch/kubernetes/api/client.ts'
import { isConflict } from '../../watch/kubernetes/api/errors.ts'
import type { Cache } from '../../watch/kubernetes/list-watch/cache.ts'
import type { Secret } from '../../watch/kubernetes/objects/secret.ts'
import type { Changing } from '../changing.ts'
import type { SignerName, SignerStore, Stored, StoredData } from '../signer-store.ts'

export interface SecretSignersOptions {
  readonly client: ApiClient
  readonly namespace: string
  /** The Secrets as they are watched. */
  readonly secrets: Readonly<Record<SignerName, Cache<Secret>>>
  /** Whether this replica is the one that writes. */
  readonly leading: Changing<boolean>
  /** Ends waiting. */
  readonly signal: AbortSignal
}

export const secretNames: Readonly<Record<SignerName, string>> = { root: 'weft-root', issuer: 'weft-issuer' }

/** Keeps root and issuer in Secrets: one replica writes them, all read them. */
export class SecretSigners implements SignerStore {
  readonly #options: SecretSignersOptions
  /** Versions that this replica wrote, which are no news to it. */
  readonly #written = new Set<string>()

  constructor(options: SecretSignersOptions) {
    this.#options = options
  }

  get writing(): boolean {
    return this.#options.leading.current
  }

  places(name: SignerName): { readonly certificate: string; readonly privateKey: string } {
    const place = `Secret ${this.#options.namespace}/${secretNames[name]}`
    return { certificate: `${place} tls.crt`, privateKey: `${place} tls.key` }
  }

  async read(name: SignerName): Promise<Stored> {
    for (;;) {
      using news = this.#news(name)
      const present = this.#present(name)
      if (present) return { data: present.data, version: present.resourceVersion }
      if (this.#options.secrets[name].listed && this.writing) return { data: {}, version: undefined }
      await news.arrived()
    }
  }

  async write(name: SignerName, data: StoredData, replaces: Stored): Promise<Stored | undefined> {
    using news = this.#news(name)
    if (!this.writing) {
      await news.arrived()
      return undefined
    }
    try {
      const { metadata } = (await this.#send(name, data, replaces)) as { metadata: Secret }
      const version = metadata.resourceVersion
      this.#written.add(version)
      return { data, version }
    } catch (error) {
      if (!isConflict(error)) throw error
      // Where it is another one here already, there will be no news of it.
      if (this.#present(name)?.resourceVersion === replaces.version) await news.arrived()
      return undefined
    }
  }

  subscribe(name: SignerName, listener: () => void): () => void {
    let known = this.#present(name)?.resourceVersion
    return this.#options.secrets[name].subscribe(() => {
      const version = this.#present(name)?.resourceVersion
      if (version === known) return
      known = version
      if (version === undefined || !this.#written.has(version)) listener()
    })
  }

  /** Makes it, or replaces the very version that is meant; anything else is a conflict. */
  #send(name: SignerName, stringData: StoredData, { version }: Stored): Promise<unknown> {
    const { client, namespace } = this.#options
    const path = `/api/v1/namespaces/${namespace}/secrets`
    const secretName = secretNames[name]
    const metadata = { name: secretName, namespace, labels: ownLabels }
    const body = { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, stringData }
    if (version === undefined) return client.request({ method: 'POST', path, body })
    const replaced = { ...body, metadata: { ...metadata, resourceVersion: version } }
    return client.request({ method: 'PUT', path: `${path}/${secretName}`, body: replaced })
  }

  #present(name: SignerName): Secret | undefined {
    return this.#options.secrets[name].get(`${this.#options.namespace}/${secretNames[name]}`)
  }

  /** Notices when the Secret or the writer changes, from now on. */
  #news(name: SignerName): News {
    const { secrets, leading, signal } = this.#options
    const { promise, resolve } = Promise.withResolvers<void>()
    const ends = [secrets[name].subscribe(resolve), leading.subscribe(() => resolve())]
    const stop = () => resolve()
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    return {
      async arrived() {
        await promise
        signal.throwIfAborted()
      },
      [Symbol.dispose]() {
        signal.removeEventListener('abort', stop)
        for (const end of ends) end()
      },
    }
  }
}

interface News extends Disposable {
  /** Rejects when waiting is ended. */
  arrived(): Promise<void>
}
