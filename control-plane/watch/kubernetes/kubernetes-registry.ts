import type { Log } from '#runtime/log.ts'
import type { Registry as Metrics } from '#runtime/metrics.ts'
import type { RegistryState } from '../../model/registry-state.ts'
import { type RegistryMetrics, registryMetrics } from '../metrics.ts'
import type { Registry } from '../registry.ts'
import { changesOf } from './changes.ts'
import type { Cluster } from './cluster.ts'
import { Findings } from './findings.ts'
import type { PolicyObject } from './objects/policy.ts'
import type { LostAddress } from './state/addresses.ts'
import { clusterNetworks } from './state/networks.ts'
import { inForce, type Judgement, PolicyKeeper } from './state/policies.ts'
import { ClusterMemory, clusterState } from './state/registry-state.ts'
import { type ClusterSettings, parseSettings } from './state/settings.ts'

/** What is known of a cluster. */
type ClusterCaches = Omit<Cluster, 'watch' | 'close'>

export interface KubernetesRegistryOptions {
  readonly cluster: ClusterCaches
  readonly log: Log
  readonly metrics: Metrics
  /** Milliseconds without another change after which what changed is read; 20 by default. */
  readonly settle?: number
  /** Told of each state that was yielded, with what its policies and addresses came to. */
  readonly yielded?: (outcome: Outcome) => void
}

/** What became of the objects behind a state. */
export interface Outcome {
  readonly state: RegistryState
  readonly judgements: ReadonlyMap<PolicyObject, Judgement>
  readonly lost: readonly LostAddress[]
}

/** A registry that is a Kubernetes cluster. Yields nothing before every kind was listed once. */
export function createKubernetesRegistry(options: KubernetesRegistryOptions): Registry {
  const { cluster, settle = 20, yielded } = options
  return {
    async *watch(signal) {
      const reader = new Reader(options)
      for await (const _ of changesOf(cluster.sources, { signal, settle })) {
        const outcome = reader.read()
        if (!outcome) continue
        yielded?.(outcome)
        yield outcome.state
      }
    },
  }
}

/** Makes a state of what the caches hold, and remembers what was good before. */
class Reader {
  readonly #cluster: ClusterCaches
  readonly #log: Log
  readonly #metrics: RegistryMetrics
  readonly #findings: Findings
  readonly #policies = new PolicyKeeper()
  readonly #memory = new ClusterMemory()
  #settings: ClusterSettings | undefined

  constructor({ cluster, log, metrics }: KubernetesRegistryOptions) {
    this.#cluster = cluster
    this.#log = log
    this.#metrics = registryMetrics(metrics)
    this.#findings = new Findings(log)
  }

  /** Undefined while there are no good settings. */
  read(): Outcome | undefined {
    const { pods, services, endpointSlices, nodes } = this.#cluster
    const settings = this.#readSettings()
    const policies = [this.#cluster.peerAuthentications, this.#cluster.authorizationPolicies]
    const judgements = this.#policies.take(policies.flatMap((cache) => [...cache.values()]))
    if (!settings) return undefined
    const view = {
      pods: pods.values(),
      services: services.values(),
      endpointSlices: endpointSlices.values(),
      nodes: nodes.values(),
      settings,
      policies: inForce(judgements),
    }
    const { state, lost, unclaimed, outside } = clusterState(view, this.#memory)
    this.#findings.tell({ judgements, lost, unclaimed, outside })
    this.#metrics.loads.inc({ result: 'accepted' })
    return { state, judgements, lost }
  }

  #readSettings(): ClusterSettings | undefined {
    const { nodes, serviceCidrs, settings } = this.#cluster
    const [map] = settings.values()
    const networks = clusterNetworks(nodes.values(), serviceCidrs.values())
    const runsIn = this.#settings?.mesh.trustDomain
    const parsed = parseSettings(map?.data['settings.yaml'], networks, runsIn)
    const problems = 'problems' in parsed ? parsed.problems : []
    if ('settings' in parsed) this.#settings = parsed.settings
    else this.#metrics.loads.inc({ result: 'rejected' })
    if (this.#findings.settings(problems) && problems.length > 0) {
      this.#log.warn(this.#settings ? 'the last good settings stay' : 'waiting for good settings')
    }
    this.#metrics.rejected.set(problems.length > 0 ? 1 : 0)
    return this.#settings
  }
}
