import { read } from './kubectl.ts'

/** The names of the nodes that take pods, in the order in which they came. */
export async function workers(): Promise<readonly string[]> {
  type Nodes = {
    items: {
      metadata: { name: string; creationTimestamp: string }
      spec: { taints?: { effect: string }[]; unschedulable?: boolean }
    }[]
  }
  const { items } = await read<Nodes>(['nodes'])
  return items
    .filter(
      ({ spec }) =>
        !spec.unschedulable && !(spec.taints ?? []).some(({ effect }) => effect !== 'PreferNoSchedule'),
    )
    .toSorted((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp))
    .map(({ metadata }) => metadata.name)
}

/** Whether a pod of this cluster has an IPv6 address beside another one. */
export async function podsHaveIpv6(): Promise<boolean> {
  type Pods = { items: { status: { podIPs?: { ip: string }[] } }[] }
  const { items } = await read<Pods>(['pods', '-l', 'app.kubernetes.io/name=weft'], {
    namespace: 'weft-system',
  })
  return items.some(({ status }) => (status.podIPs ?? []).some(({ ip }) => ip.includes(':')))
}
