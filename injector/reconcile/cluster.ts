import type { Namespace } from '../decide/namespace.ts'
import type { Pod } from '../pod.ts'

/** What the reconciler asks of the cluster, and tells it. Everything rejects when the API server cannot be asked. */
export interface Cluster {
  namespaces(signal: AbortSignal): Promise<readonly Namespace[]>
  /** The pods of a namespace that run or are about to. */
  pods(namespace: string, signal: AbortSignal): AsyncIterable<RunningPod>
  /** Those of all namespaces that ask by their own label to be meshed. */
  askingPods(signal: AbortSignal): AsyncIterable<RunningPod>
  /** Tells a pod's owners, by an Event. */
  tell(pod: RunningPod, message: string, signal: AbortSignal): Promise<void>
}

export interface RunningPod {
  readonly namespace: string
  readonly uid: string
  readonly name: string
  readonly pod: Pod
}
