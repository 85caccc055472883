import { sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'
import type { Namespace } from '../decide/namespace.ts'
import type { Settings } from '../settings.ts'
import type { Cluster, RunningPod } from './cluster.ts'
import { whyUnmeshed } from './why-unmeshed.ts'

export interface ReconcilerOptions {
  readonly cluster: Cluster
  readonly settings: Settings
  /** Namespaces that nobody asks the webhook about: their pods run outside the mesh as they should. */
  readonly excluded: readonly string[]
  /** Milliseconds from the end of one look to the next. */
  readonly interval: number
  readonly log: Log
  readonly metrics: Registry
}

/** Milliseconds that a look at the whole cluster may take. */
const lookLimit = 120_000

/** Looks again and again for pods that should be meshed and are not, and tells of each once. */
export class Reconciler {
  readonly #options: ReconcilerOptions
  readonly #unmeshed: Gauge<'namespace'>
  readonly #failures: Counter
  readonly #excluded: ReadonlySet<string>
  #told: ReadonlySet<string> = new Set()

  constructor(options: ReconcilerOptions) {
    this.#options = options
    this.#excluded = new Set([...options.excluded, options.settings.namespace, 'kube-system'])
    const registers = [options.metrics]
    this.#unmeshed = new Gauge({
      name: 'weft_injector_unmeshed_pods',
      help: 'Pods that should be meshed and are not',
      labelNames: ['namespace'],
      registers,
    })
    this.#failures = new Counter({
      name: 'weft_injector_reconcile_failures_total',
      help: 'Looks at the cluster that failed; the counts of the last good one stay',
      registers,
    })
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.look(AbortSignal.any([signal, AbortSignal.timeout(lookLimit)]))
      } catch (error) {
        if (signal.aborted) return
        this.#failures.inc()
        this.#options.log.warn('the cluster’s pods could not be looked at', { error })
      }
      await sleep(this.#options.interval, signal)
    }
  }

  /** One look. Rejects when the API server cannot be asked. */
  async look(signal: AbortSignal): Promise<void> {
    const { cluster, settings } = this.#options
    const counts = new Map<string, number>()
    const seen = new Set<string>()
    const judge = async (running: RunningPod, namespace: Namespace): Promise<void> => {
      const reason = whyUnmeshed(running.pod, namespace, settings)
      if (reason === undefined) return
      counts.set(namespace.name, (counts.get(namespace.name) ?? 0) + 1)
      if (this.#told.has(running.uid) || (await this.#tell(running, reason, signal))) seen.add(running.uid)
    }
    const all = await cluster.namespaces(signal)
    const namespaces = all.filter(({ name }) => !this.#excluded.has(name))
    for (const namespace of namespaces.filter(({ injection }) => injection)) {
      counts.set(namespace.name, 0)
      for await (const running of cluster.pods(namespace.name, signal)) await judge(running, namespace)
    }
    const others = new Map(
      namespaces.filter(({ injection }) => !injection).map((namespace) => [namespace.name, namespace]),
    )
    for await (const running of cluster.askingPods(signal)) {
      const namespace = others.get(running.namespace)
      if (namespace) await judge(running, namespace)
    }
    // Of the pods that are gone nothing is kept.
    this.#told = seen
    this.#unmeshed.reset()
    for (const [namespace, count] of counts) this.#unmeshed.set({ namespace }, count)
  }

  /** Answers whether it is told; otherwise the next look tries again. */
  async #tell(running: RunningPod, reason: string, signal: AbortSignal): Promise<boolean> {
    const { cluster, log } = this.#options
    const { namespace, name: pod } = running
    log.warn('a pod should be meshed and is not', { namespace, pod, reason })
    try {
      await cluster.tell(running, reason, signal)
      return true
    } catch (error) {
      log.warn('an event could not be written', { namespace, pod, error })
      return false
    }
  }
}
