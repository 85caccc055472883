import type { IpAddress } from '#mesh/address.ts'
import type { Labels, PolicyDocument } from '#mesh/policy/documents.ts'
import type { MeshSettings, SidecarScope } from '#mesh/settings.ts'
import type { Locality, NetworkAddress, SessionAffinity, Workload } from '#mesh/workload.ts'

export type { SessionAffinity } from '#mesh/workload.ts'

/** Everything that a registry says about the mesh, parsed: what the model is built from. */
export interface RegistryState {
  readonly mesh: RegistryMesh
  readonly workloads: readonly RegistryWorkload[]
  readonly services: readonly RegistryService[]
  readonly policies: readonly PolicyDocument[]
}

export interface RegistryMesh {
  readonly settings: Omit<MeshSettings, 'sidecarScope'>
  readonly trustDomain: string
  readonly sidecarScope: SidecarScope
}

/** One pod. `namespace/name` is unique in a state, and so is each address. */
export interface RegistryWorkload {
  readonly clusterId: string
  readonly namespace: string
  readonly name: string
  /** Tells this pod from an earlier one of the same name, e.g. a Kubernetes UID. */
  readonly podUid: string
  readonly serviceAccount: string
  readonly addresses: readonly IpAddress[]
  readonly labels: Labels
  readonly meshed: boolean
  readonly ready: boolean
  readonly hostNetwork: boolean
  /** Empty when unknown, as are the parts of `locality`. */
  readonly node: string
  readonly locality: Locality
  readonly owner: Workload['owner']
  /** Named TCP ports, which a service's `targetPort` may mean; the first of a name counts. */
  readonly ports: ReadonlyMap<string, number>
}

/** `namespace/name` is unique in a state, and no virtual address belongs to two services. */
export interface RegistryService {
  readonly namespace: string
  readonly name: string
  /** Fully qualified, e.g. `cart.shop.svc.cluster.local`. */
  readonly hostname: string
  /** Virtual addresses; empty for a headless service. */
  readonly addresses: readonly NetworkAddress[]
  /**
   * Addresses of load balancers in front of it, which lead to it too. A pod, a node or a virtual address of any
   * service comes before them; no two services have the same one.
   */
  readonly ingressAddresses: readonly NetworkAddress[]
  /** Labels that a workload of the same namespace must carry to be an endpoint; empty selects none. */
  readonly selector: Labels
  /** Undefined: the workloads that `selector` chooses, as ready as they are. Else these and no other. */
  readonly endpoints: readonly RegistryEndpoint[] | undefined
  readonly publishNotReadyAddresses: boolean
  /** `local` leads to endpoints on the client's own node or nowhere. */
  readonly internalTrafficPolicy: 'cluster' | 'local'
  /** Which endpoints are preferred while any of them is ready; `prefer-node` falls back to the zone first. */
  readonly trafficDistribution: 'any' | 'prefer-zone' | 'prefer-node'
  readonly sessionAffinity: SessionAffinity
  /** TCP only: a port of the same number on UDP is none of the mesh's business. */
  readonly ports: readonly RegistryServicePort[]
}

/**
 * An endpoint that the service names by address. Where a workload of the state has the address, it is that workload;
 * else it becomes a workload of its own, dialled in plaintext. Pods of a host's network share its address: one of them
 * it is only by name.
 */
export interface RegistryEndpoint {
  readonly address: IpAddress
  /** `namespace/name` of the pod that it is said to be; empty when nobody said. */
  readonly pod: string
  readonly ready: boolean
  /** Whether it is about to end and still serves: it is used where no endpoint is ready. */
  readonly ending: boolean
  /** Empty when unknown, as is `zone`. */
  readonly node: string
  readonly zone: string
  /** Zones that it is meant to serve; empty when nobody said, which ends the preference for the whole service. */
  readonly hints: readonly string[]
  /** The number that it listens on, by the name of the Service's port; without an entry it does not serve the port. */
  readonly ports: ReadonlyMap<string, number>
}

export interface RegistryServicePort {
  /** Empty when the only port has no name. */
  readonly name: string
  /** 1 to 65535. */
  readonly port: number
  /** 1 to 65535, or the name that each workload gives the number of; of no account beside named endpoints. */
  readonly targetPort: number | string
}
