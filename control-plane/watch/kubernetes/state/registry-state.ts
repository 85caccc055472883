import type { IpAddress } from '#mesh/address.ts'
import { cidrContains } from '#mesh/address.ts'
import type { PolicyDocument } from '#mesh/policy/documents.ts'
import type { RegistryService, RegistryState, RegistryWorkload } from '../../../model/registry-state.ts'
import { Remembered } from '../../../model/remembered.ts'
import type { EndpointSlice } from '../objects/endpoint-slice.ts'
import type { Node } from '../objects/node.ts'
import type { Pod } from '../objects/pod.ts'
import type { Service } from '../objects/service.ts'
import { type LostAddress, serviceAddresses } from './addresses.ts'
import { registryServices, type UnclaimedEndpoint } from './services.ts'
import type { ClusterSettings } from './settings.ts'
import { registryWorkloads } from './workloads.ts'

/** What is known of a cluster at one moment. */
export interface ClusterView {
  readonly pods: Iterable<Pod>
  readonly services: Iterable<Service>
  readonly endpointSlices: Iterable<EndpointSlice>
  readonly nodes: Iterable<Node>
  readonly settings: ClusterSettings
  readonly policies: readonly PolicyDocument[]
}

export interface ClusterState {
  readonly state: RegistryState
  /** Addresses that a service claims and does not get. */
  readonly lost: readonly LostAddress[]
  /** Endpoints that nobody is led to, lest an address that a pod gets is dialled in plaintext. */
  readonly unclaimed: readonly UnclaimedEndpoint[]
  /** Addresses of pods that lie outside of the mesh's networks, where an unknown one would be dialled in plaintext. */
  readonly outside: readonly IpAddress[]
}

/** What was made before, of objects of the cluster that are still the same. */
export class ClusterMemory {
  readonly workloads = new Remembered<Pod, RegistryWorkload>()
  readonly services = new Remembered<Service, RegistryService>()
}

/** What a cluster says about the mesh. Pure: what was made before only makes it quicker. */
export function clusterState(view: ClusterView, memory = new ClusterMemory()): ClusterState {
  const { mesh, honorExternalIps } = view.settings
  const nodes = new Map([...view.nodes].map((node) => [node.name, node]))
  const workloads = registryWorkloads(view.pods, nodes, memory.workloads)
  const addresses = serviceAddresses({
    services: [...view.services],
    pods: workloads,
    nodes: nodes.values(),
    honorExternalIps,
  })
  const { settings } = mesh
  const slices = view.endpointSlices
  const inputs = { services: addresses.owned, slices, workloads, nodes: nodes.values(), settings }
  const { services, unclaimed } = registryServices(inputs, memory.services)
  const { networks } = settings
  const outside = workloads
    .filter(({ hostNetwork }) => !hostNetwork)
    .flatMap((pod) => pod.addresses)
    .filter((ip) => !networks.some((network) => cidrContains(network, ip)))
  const state = { mesh, workloads, services, policies: view.policies }
  return { state, lost: addresses.lost, unclaimed, outside }
}
