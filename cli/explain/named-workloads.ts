import type { Snapshot } from '#mesh/snapshot.ts'
import type { Workload } from '#mesh/workload.ts'
import { readNames } from './read-names.ts'

/** What one name stands for: a workload, or those of a Deployment or the like. */
export interface NamedWorkloads {
  /** Undefined when the workload itself is named. */
  readonly owner: Workload['owner'] | undefined
  readonly namespace: string
  readonly name: string
  /** Never empty; the ready ones come first, then by name. */
  readonly workloads: readonly [Workload, ...Workload[]]
}

/** Every workload, and every group of them, that a text may mean: workloads first. */
export function workloadsNamed(snapshot: Snapshot, text: string): NamedWorkloads[] {
  const workloads = [...snapshot.workloads.values()]
  for (const { kind, namespace, name } of readNames(text)) {
    const near = workloads.filter((workload) => namespace === undefined || workload.namespace === namespace)
    const named =
      kind === undefined || kind === 'pod' ? near.filter((workload) => workload.name === name) : []
    const owned = near.filter(({ owner, ...workload }) => {
      if (owner.name !== name || (owner.type === 'pod' && workload.name === name)) return false
      return kind === undefined || kind === (owner.type === 'pod' ? 'controller' : owner.type)
    })
    if (named.length + owned.length > 0) return [...named.map(single), ...groups(owned)]
  }
  return []
}

/** A name with its namespace, and what it is where it is not a workload. */
export function describeNamed({ owner, namespace, name }: NamedWorkloads): string {
  // The snapshot knows of other controllers only that they are there.
  return `${owner === undefined || owner.type === 'pod' ? '' : `${owner.type} `}${namespace}/${name}`
}

/** A workload that was named itself. */
export function single(workload: Workload): NamedWorkloads {
  const { namespace, name } = workload
  return { owner: undefined, namespace, name, workloads: [workload] }
}

function groups(workloads: readonly Workload[]): NamedWorkloads[] {
  const byOwner = Map.groupBy(workloads, ({ namespace, owner }) => `${owner.type} ${namespace}/${owner.name}`)
  return [...byOwner.values()].flatMap((members) => {
    const [first, ...others] = members.toSorted(readyFirst)
    if (!first) return []
    const { namespace, owner } = first
    return [{ owner, namespace, name: owner.name, workloads: [first, ...others] as const }]
  })
}

function readyFirst(a: Workload, b: Workload): number {
  if (a.health !== b.health) return a.health === 'healthy' ? -1 : 1
  return a.name < b.name ? -1 : 1
}
