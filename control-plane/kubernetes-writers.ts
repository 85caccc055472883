import { trustConfigMap } from '#mesh/injected.ts'
import type { Log } from '#runtime/log.ts'
import { Changeable, type Changing } from './authority/changing.ts'
import { caBundleCorrections, trustBundleCorrections } from './authority/kubernetes/trust-bundles.ts'
import type { ApiClient } from './watch/kubernetes/api/client.ts'
import type { Source } from './watch/kubernetes/changes.ts'
import type { Cluster } from './watch/kubernetes/cluster.ts'
import type { Outcome } from './watch/kubernetes/kubernetes-registry.ts'
import { configMaps } from './watch/kubernetes/objects/config-map.ts'
import { injectorConfiguration } from './watch/kubernetes/objects/webhook-configuration.ts'
import { LostAddressEvents } from './watch/kubernetes/writers/lost-addresses.ts'
import { policyStatusCorrections } from './watch/kubernetes/writers/policy-status.ts'
import { keepCorrect } from './watch/kubernetes/writers/writer.ts'

export interface WritersOptions {
  readonly client: ApiClient
  readonly cluster: Cluster
  readonly namespace: string
  /** Whether this replica is the one that writes. */
  readonly leading: Changing<boolean>
  readonly log: Log
}

export interface Writers extends AsyncDisposable {
  /** What is in force by now, for the policies' authors. */
  take(outcome: Outcome): void
  /** The roots in PEM. */
  takeBundle(bundle: string): void
  /** Where the roots are not seen yet. */
  unwritten(): readonly string[]
}

/** Milliseconds between looks at the policies' counts, which change with every pod. */
const statusInterval = 3_000

/** Everything that the control plane writes into a cluster beside its own Secrets and Lease. */
export function startWriters({ client, cluster, namespace, leading, log }: WritersOptions): Writers {
  const end = new AbortController()
  const outcome = new Changeable<Outcome | undefined>(undefined)
  const bundle = new Changeable('')
  const bundles = cluster.watch(configMaps(trustConfigMap))
  const configurations = cluster.watch(injectorConfiguration)
  const events = new LostAddressEvents(client)
  const common = { leading: sourceOf(leading), log, signal: end.signal }
  const { namespaces, pods } = cluster
  const bundleCorrections = () => {
    if (bundle.current === '') return []
    const known = { namespaces, pods, configMaps: bundles }
    return trustBundleCorrections({ client, namespace, bundle: bundle.current, ...known })
  }
  const caCorrections = () =>
    bundle.current === '' ? [] : caBundleCorrections(client, bundle.current, configurations)
  const running = [
    keepCorrect({
      ...common,
      sources: [namespaces, pods, bundles, sourceOf(bundle)],
      corrections: bundleCorrections,
    }),
    keepCorrect({
      ...common,
      sources: [configurations, sourceOf(bundle)],
      corrections: caCorrections,
    }),
    keepCorrect({
      ...common,
      sources: [sourceOf(outcome)],
      pause: statusInterval,
      corrections() {
        if (!outcome.current) return []
        const { state, judgements, lost } = outcome.current
        const { workloads } = state
        return [
          ...policyStatusCorrections({ client, judgements, workloads, rootNamespace: namespace }),
          ...events.corrections(lost),
        ]
      },
    }),
  ]
  return {
    take: (next) => outcome.set(next),
    takeBundle: (next) => bundle.set(next),
    unwritten() {
      const unknown = [namespaces, pods, bundles, configurations].some(({ listed }) => !listed)
      if (unknown) return ['the ConfigMaps, which are not listed yet']
      return [...bundleCorrections(), ...caCorrections()].map(({ what }) => what)
    },
    async [Symbol.asyncDispose]() {
      end.abort()
      await Promise.all(running)
    },
  }
}

function sourceOf<T>(value: Changing<T>): Source & { readonly current: T } {
  return {
    listed: true,
    get current() {
      return value.current
    },
    subscribe: (listener) => value.subscribe(() => listener()),
  }
}
