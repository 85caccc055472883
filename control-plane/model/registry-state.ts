import type { IpAddress } from '#mesh/address.ts'
import type { Labels, PolicyDocument } from '#mesh/policy/documents.ts'
import type { MeshSettings } from '#mesh/settings.ts'
import type { Locality, NetworkAddress, Workload } from '#mesh/workload.ts'

/** Everything that a registry says about the mesh, parsed: what the model is built from. */
export interface RegistryState {
  readonly mesh: RegistryMesh
  readonly workloads: readonly RegistryWorkload[]
  readonly services: readonly RegistryService[]
  readonly policies: readonly PolicyDocument[]
}

export interface RegistryMesh {
  readonly settings: MeshSettings
  readonly trustDomain: string
  readonly sidecarScope: SidecarScope
}

/** What a sidecar is sent unasked: every address, or those of its own namespace. */
export type SidecarScope = 'mesh' | 'namespace'

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
}

/** `namespace/name` is unique in a state, and no virtual address belongs to two services. */
export interface RegistryService {
  readonly namespace: string
  readonly name: string
  /** Fully qualified, e.g. `cart.shop.svc.cluster.local`. */
  readonly hostname: string
  /** Virtual addresses; empty for a headless service. */
  readonly addresses: readonly NetworkAddress[]
  /** Labels that a workload of the same namespace must carry to be an endpoint; empty selects none. */
  readonly selector: Labels
  readonly publishNotReadyAddresses: boolean
  readonly ports: readonly RegistryServicePort[]
}

export interface RegistryServicePort {
  /** Empty when the only port has no name. */
  readonly name: string
  /** 1 to 65535. */
  readonly port: number
  /** 1 to 65535. */
  readonly targetPort: number
}
