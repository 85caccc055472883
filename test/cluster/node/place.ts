import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

/** Where everything of one cluster lies; removing `root` removes the cluster's whole state. */
export interface Place {
  readonly name: string
  readonly root: string
  readonly certificates: string
  readonly config: string
  readonly logs: string
  /** Take the place of the machine's own directories in the cluster's mount namespace. */
  readonly replaced: readonly (readonly [original: string, ours: string])[]
  /** Of the cluster's administrator. */
  readonly kubeconfig: string
  /** The process that holds the cluster's namespaces. */
  readonly pidFile: string
  readonly containerd: string
}

/** The place of the cluster of this name. */
export function placeOf(name: string, clusters = '/var/tmp/weft-cluster'): Place {
  const root = join(clusters, name)
  const inside = (...parts: string[]): string => join(root, ...parts)
  return {
    name,
    root,
    certificates: inside('certificates'),
    config: inside('config'),
    logs: inside('logs'),
    replaced: [
      ['/var/lib', inside('lib')],
      ['/var/log', inside('log')],
      ['/run', inside('run')],
    ],
    kubeconfig: inside('kubeconfig'),
    pidFile: inside('pid'),
    containerd: '/run/containerd/containerd.sock',
  }
}

/** Makes the directories of a place that has none yet. */
export function makePlace({ certificates, config, logs, replaced }: Place): void {
  for (const directory of [certificates, config, logs, ...replaced.map(([, ours]) => ours)]) {
    mkdirSync(directory, { recursive: true, mode: 0o755 })
  }
}
