import type { Log } from '#runtime/log.ts'
import type { Registry as Metrics } from '#runtime/metrics.ts'
import type { ApiClient } from './api/client.ts'
import { Cache } from './list-watch/cache.ts'
import type { Kept, Kind } from './list-watch/kind.ts'
import { listAndWatch, type WatchTiming } from './list-watch/list-and-watch.ts'
import { type WatchMetrics, watchMetrics } from './list-watch/metrics.ts'
import { configMaps } from './objects/config-map.ts'
import { endpointSlices } from './objects/endpoint-slice.ts'
import { namespaces } from './objects/namespace.ts'
import { nodes } from './objects/node.ts'
import { pods } from './objects/pod.ts'
import { authorizationPolicies, peerAuthentications } from './objects/policy.ts'
import { services } from './objects/service.ts'
import { serviceCidrs } from './objects/service-cidr.ts'

export interface ClusterOptions {
  readonly client: ApiClient
  /** The control plane's own namespace, where its settings are. */
  readonly namespace: string
  readonly log: Log
  readonly metrics: Metrics
  readonly timing?: Partial<WatchTiming>
}

/** What is known of a cluster: one cache a kind, each kept in step until the cluster is closed. */
export class Cluster {
  readonly pods
  readonly services
  readonly endpointSlices
  readonly namespaces
  readonly nodes
  readonly serviceCidrs
  readonly settings
  readonly peerAuthentications
  readonly authorizationPolicies
  readonly #options: ClusterOptions
  readonly #metrics: WatchMetrics
  readonly #end = new AbortController()
  readonly #running: Promise<void>[] = []

  constructor(options: ClusterOptions) {
    this.#options = options
    this.#metrics = watchMetrics(options.metrics)
    this.pods = this.watch(pods)
    this.services = this.watch(services)
    this.endpointSlices = this.watch(endpointSlices)
    this.namespaces = this.watch(namespaces)
    this.nodes = this.watch(nodes)
    this.serviceCidrs = this.watch(serviceCidrs)
    this.settings = this.watch(configMaps('weft-settings', options.namespace))
    this.peerAuthentications = this.watch(peerAuthentications)
    this.authorizationPolicies = this.watch(authorizationPolicies)
  }

  /** Begins to watch one more kind. */
  watch<T extends Kept>(kind: Kind<T>): Cache<T> {
    const cache = new Cache<T>()
    const { client, log, timing = {} } = this.#options
    const options = { client, log, timing, metrics: this.#metrics, signal: this.#end.signal }
    this.#running.push(listAndWatch(kind, cache, options))
    return cache
  }

  /** The caches that the state of the mesh is made of. */
  get sources(): readonly Cache<Kept>[] {
    const { pods, services, endpointSlices, nodes, serviceCidrs, settings } = this
    const policies = [this.peerAuthentications, this.authorizationPolicies]
    return [pods, services, endpointSlices, nodes, serviceCidrs, settings, ...policies]
  }

  /** Ends every watch. */
  async close(): Promise<void> {
    this.#end.abort()
    await Promise.all(this.#running)
  }
}
