import type { Cidr } from './address.ts'

/** What the operator decided for the whole mesh; pushed to every sidecar with the rest of the configuration. */
export interface MeshSettings {
  /** The network name that addresses of this mesh belong to; empty for the only one. */
  readonly network: string
  /** Pod and Service ranges. Inside them an unknown destination is refused, never dialled in plaintext. */
  readonly networks: readonly Cidr[]
  /** What happens to destinations outside the mesh's networks. */
  readonly egress: 'passthrough' | 'registry-only'
  /** Refuse plaintext that comes from the address of a meshed workload, also under permissive. */
  readonly rejectPlaintextFromMesh: boolean
  /** Whose addresses a sidecar is sent unasked. */
  readonly sidecarScope: SidecarScope
}

/** What a sidecar is sent unasked: every address, or those of its own namespace. */
export type SidecarScope = 'mesh' | 'namespace'
