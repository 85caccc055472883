import type { Log } from '#runtime/log.ts'
import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'
import type { Changing } from './authority/changing.ts'
import { ModelBuilder } from './model/build-model.ts'
import type { Model } from './model/model.ts'
import type { RegistryState } from './model/registry-state.ts'
import { typeUrls } from './model/type-urls.ts'

export interface PublisherOptions {
  readonly trustDomain: string
  /** The control plane's own; its policies hold in the whole mesh. */
  readonly namespace: string
  /** The roots in PEM. */
  readonly trustBundle: Changing<string>
  /** The list of revoked certificates in PEM; undefined when there is none. */
  readonly revocationList: Changing<string | undefined>
  readonly publish: (model: Model) => void
  readonly metrics: Registry
  readonly log: Log
}

/** Makes the model of the newest registry state, trust bundle and revocation list, and publishes it whenever one changes. */
export class Publisher {
  readonly #options: PublisherOptions
  readonly #metrics: PublisherMetrics
  readonly #builder: ModelBuilder
  readonly #unsubscribe: readonly (() => void)[]
  #state: RegistryState | undefined
  #version = ''
  #bundle = ''

  constructor(options: PublisherOptions) {
    this.#options = options
    this.#builder = new ModelBuilder(options.namespace)
    this.#metrics = publisherMetrics(options.metrics)
    const again = () => void (this.#state && this.take(this.#state))
    this.#unsubscribe = [options.trustBundle.subscribe(again), options.revocationList.subscribe(again)]
  }

  /** Publishes a state. False when it cannot be: the one before stays. */
  take(state: RegistryState): boolean {
    const { trustDomain, trustBundle, revocationList, publish, log } = this.#options
    if (state.mesh.trustDomain !== trustDomain) {
      return this.#refuse(
        `the registry changes mesh.trustDomain from ${trustDomain} to ${state.mesh.trustDomain}, under which no ` +
          'certificate was issued: write the old one, or restart the control plane with an empty state directory',
      )
    }
    try {
      const rootsPem = trustBundle.current
      const bundle = { trustDomain, rootsPem, crlPem: revocationList.current }
      const model = this.#builder.build(state, bundle)
      publish(model)
      this.#bundle = rootsPem
      this.#state = state
      this.#metrics.published(model)
      const { version } = model
      // Much of what changes in a cluster is nothing that sidecars hear of.
      if (version !== this.#version)
        log.info('model published', { version, addresses: model.types.get(typeUrls.address)?.byName.size })
      this.#version = version
      return true
    } catch (error) {
      return this.#refuse('the registry makes no model', error)
    }
  }

  /** The trust bundle, in PEM, of the newest model that could be published. */
  get bundle(): string {
    return this.#bundle
  }

  close(): void {
    for (const end of this.#unsubscribe) end()
  }

  #refuse(message: string, error?: unknown): false {
    this.#metrics.refused.inc()
    this.#options.log.error(
      `${message}; what was published before stays`,
      error === undefined ? {} : { error },
    )
    return false
  }
}

interface PublisherMetrics {
  readonly refused: Counter
  published(model: Model): void
}

function publisherMetrics(registry: Registry): PublisherMetrics {
  const registers = [registry]
  const published = new Counter({
    name: 'weft_models_published_total',
    help: 'Models made of the registry and published.',
    registers,
  })
  const version = new Gauge({
    name: 'weft_model_info',
    help: 'Always 1; the label names the version of the newest model.',
    labelNames: ['version'],
    registers,
  })
  const resources = new Gauge({
    name: 'weft_model_resources',
    help: 'Resources in the newest model, by type.',
    labelNames: ['type'],
    registers,
  })
  return {
    refused: new Counter({
      name: 'weft_models_refused_total',
      help: 'Registry states that could be read but not published.',
      registers,
    }),
    published(model) {
      published.inc()
      version.reset()
      version.set({ version: model.version }, 1)
      for (const [type, { byName }] of model.types) {
        resources.set({ type: type.replace('type.googleapis.com/', '') }, byName.size)
      }
    },
  }
}
