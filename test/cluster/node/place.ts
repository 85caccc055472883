import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { plan } from './plan.ts'

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
  /** The socket of the container runtime, which can be reached from outside of the cluster's namespaces. */
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
    containerd: inside('containerd.sock'),
  }
}

/** The same for one node of the cluster: what is its own is apart, the rest is the cluster's. */
export function placeOfNode(place: Place, node: string): Place {
  if (node === plan.nodes[0].name) return place
  const { replaced, config, logs, containerd } = placeOf(node, place.root)
  return { ...place, replaced, config, logs, containerd }
}

/** Makes the directories of a place that has none yet. */
export function makePlace({ certificates, config, logs, replaced }: Place): void {
  for (const directory of [certificates, config, logs, ...replaced.map(([, ours]) => ours)]) {
    mkdirSync(directory, { recursive: true, mode: 0o755 })
  }
}
