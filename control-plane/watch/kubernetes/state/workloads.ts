import type { IpAddress } from '#mesh/address.ts'
import type { Locality } from '#mesh/workload.ts'
import type { RegistryWorkload } from '../../../model/registry-state.ts'
import { Remembered } from '../../../model/remembered.ts'
import type { Node } from '../objects/node.ts'
import type { Pod } from '../objects/pod.ts'

/** What sidecars know this cluster as. */
const clusterId = 'Kubernetes'
const nowhere: Locality = { region: '', zone: '', subzone: '' }

/** Every pod that has an address, meshed or not, each with those addresses that are its own now. */
export function registryWorkloads(
  pods: Iterable<Pod>,
  nodes: ReadonlyMap<string, Pick<Node, 'locality'>>,
  memory = new Remembered<Pod, RegistryWorkload>(),
): RegistryWorkload[] {
  const addressed = [...pods].filter(({ addresses }) => addresses.length > 0)
  const owners = addressOwners(addressed)
  return addressed.flatMap((pod) => {
    const addresses = pod.hostNetwork ? pod.addresses : pod.addresses.filter((ip) => owners.get(ip) === pod)
    if (addresses.length === 0) return []
    const locality = nodes.get(pod.node)?.locality ?? nowhere
    return memory.of(pod, [addresses, locality], () => registryWorkload(pod, addresses, locality))
  })
}

function registryWorkload(pod: Pod, addresses: readonly IpAddress[], locality: Locality): RegistryWorkload {
  const { namespace, name, serviceAccount, labels, meshed, ready, hostNetwork, node, owner, ports } = pod
  return {
    clusterId,
    namespace,
    name,
    podUid: pod.uid,
    serviceAccount,
    addresses,
    labels,
    meshed,
    ready,
    hostNetwork,
    node,
    locality,
    owner,
    ports,
  }
}

/** Of several pods that name one address the last one made has it: a node that was lost may leave others behind. */
function addressOwners(pods: readonly Pod[]): ReadonlyMap<IpAddress, Pod> {
  const owners = new Map<IpAddress, Pod>()
  for (const pod of pods) {
    // Pods on their node's network share its addresses, and own none.
    if (pod.hostNetwork) continue
    for (const ip of pod.addresses) {
      const other = owners.get(ip)
      if (!other || isNewer(pod, other)) owners.set(ip, pod)
    }
  }
  return owners
}

function isNewer(pod: Pod, other: Pod): boolean {
  if (pod.terminating !== other.terminating) return other.terminating
  return pod.created === other.created ? pod.uid > other.uid : pod.created > other.created
}
