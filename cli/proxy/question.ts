import type { Output } from '../output.ts'

/** Which sidecar is asked. */
export interface Whereabouts {
  /** URL of its admin endpoint. */
  readonly admin: string
  /** The network namespace to ask from; this process's own when undefined. */
  readonly netns?: string | undefined
  /** A pod of a cluster, `namespace/name` or a name, instead of both. */
  readonly pod?: string | undefined
  /** Of the kubeconfig, for a pod; its current one when undefined. */
  readonly context?: string | undefined
  /** Where a pod's name is looked up that says none; the context's when undefined. */
  readonly namespace?: string | undefined
}

/** Which sidecar is asked, and how the answer is to be written. */
export interface Question extends Whereabouts {
  readonly output: Output
}
