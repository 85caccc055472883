import { type Cidr, formatCidr } from '#mesh/address.ts'
import type { Node } from '../objects/node.ts'
import type { ServiceCidr } from '../objects/service-cidr.ts'

/**
 * The ranges that a cluster says its pods and services have addresses from, in a stable order; undefined unless it says
 * both, because outside of them an unknown destination is dialled in plaintext.
 */
export function clusterNetworks(
  nodes: Iterable<Pick<Node, 'podCidrs'>>,
  serviceCidrs: Iterable<Pick<ServiceCidr, 'cidrs'>>,
): readonly Cidr[] | undefined {
  const pods = [...nodes].flatMap(({ podCidrs }) => podCidrs)
  const services = [...serviceCidrs].flatMap(({ cidrs }) => cidrs)
  if (pods.length === 0 || services.length === 0) return undefined
  const byText = new Map([...pods, ...services].map((cidr) => [formatCidr(cidr), cidr]))
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, cidr]) => cidr)
}
