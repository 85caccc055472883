import type { Namespace } from '../decide/namespace.ts'
import type { Pod } from '../pod.ts'

/** What the reconciler asks of the cluster, and tells it. Everything rejects when the API server cannot be asked. */
export interface Cluster {
  /** The namespaces whose pods are to be meshed. */
  injectedNamespaces(signal: AbortSignal): Promise<readonly Namespace[]>
  /** The pods of a namespace that run or are about to. */
  pods(namespace: string, signal: AbortSignal): AsyncIterable<RunningPod>
  /** Tells a pod's owners, by an Event. */
  tell(pod: RunningPod, namespace: string, message: string, signal: AbortSignal): Promise<void>
}

export interface RunningPod {
  readonly uid: string
  readonly name: string
  readonly pod: Pod
}
