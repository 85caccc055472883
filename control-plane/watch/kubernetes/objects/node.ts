import { type Cidr, type IpAddress, networkOf, parseIp } from '#mesh/address.ts'
import type { Locality } from '#mesh/workload.ts'
import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

export interface Node extends Kept {
  readonly locality: Locality
  readonly addresses: readonly IpAddress[]
  /** The ranges that its pods get addresses from, where Kubernetes hands them out. */
  readonly podCidrs: readonly Cidr[]
}

export const nodes: Kind<Node> = { name: 'nodes', path: '/api/v1/nodes', trim: trimNode }

export function trimNode(object: RawObject): Node {
  const { metadata, spec = {}, status = {} } = object as RawNode
  const { labels = {} } = metadata
  const cidrs = spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : [])
  return {
    ...kept(object),
    locality: {
      region: labels['topology.kubernetes.io/region'] ?? '',
      zone: labels['topology.kubernetes.io/zone'] ?? '',
      subzone: '',
    },
    addresses: (status.addresses ?? []).flatMap(({ address }) => parseIp(address) ?? []),
    podCidrs: cidrs.flatMap((cidr) => networkOf(cidr) ?? []),
  }
}

interface RawNode extends RawObject {
  readonly metadata: RawObject['metadata'] & { readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: { readonly podCIDR?: string; readonly podCIDRs?: readonly string[] }
  readonly status?: { readonly addresses?: readonly { address: string }[] }
}
