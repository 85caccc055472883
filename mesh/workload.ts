import type { IpAddress } from './address.ts'
import type { SpiffeId } from './spiffe-id.ts'

/** One pod, meshed or not: the control plane publishes every pod, so that unknown never has to mean unmeshed. */
export interface Workload {
  /** `<cluster>/<group>/<kind>/<namespace>/<name>`, e.g. `Kubernetes//Pod/shop/cart-7d9`. */
  readonly uid: string
  readonly name: string
  readonly namespace: string
  readonly clusterId: string
  readonly network: string
  readonly identity: SpiffeId
  readonly addresses: readonly IpAddress[]
  /** Whether its immutable spec holds the proxy: `hbone` is dialled with mutual TLS or not at all. */
  readonly tunnel: 'hbone' | 'none'
  readonly hostNetwork: boolean
  readonly health: 'healthy' | 'unhealthy'
  readonly node: string
  readonly locality: Locality
  /** The owner: Deployment, Job, CronJob, or the pod itself. */
  readonly owner: { readonly type: 'deployment' | 'cronjob' | 'pod' | 'job'; readonly name: string }
  readonly canonicalName: string
  readonly canonicalRevision: string
  /** The services that this pod is an endpoint of, by `namespace/hostname`. */
  readonly services: ReadonlyMap<ServiceKey, readonly PortMapping[]>
  /** Every policy that holds on it, of any scope, as `namespace/name`. */
  readonly authorizationPolicies: readonly string[]
}

export interface Locality {
  readonly region: string
  readonly zone: string
  readonly subzone: string
}

export interface PortMapping {
  readonly servicePort: number
  /** Of a service, 0 where its endpoints differ; of an endpoint, 1 to 65535. */
  readonly targetPort: number
}

/** `namespace/hostname`, e.g. `shop/cart.shop.svc.cluster.local`. */
export type ServiceKey = string

export interface Service {
  readonly key: ServiceKey
  readonly name: string
  readonly namespace: string
  readonly hostname: string
  /** Virtual addresses; empty for a headless service. */
  readonly addresses: readonly NetworkAddress[]
  readonly ports: readonly PortMapping[]
  /** Endpoints that are not ready are used too (`publishNotReadyAddresses`). */
  readonly publishNotReady: boolean
  readonly preference: EndpointPreference
  readonly affinity: SessionAffinity
}

/** Which endpoints of a service a client takes, by where it is itself. */
export interface EndpointPreference {
  /** `strict`: only those that match every scope. `failover`: those that match the most leading ones. */
  readonly mode: 'any' | 'failover' | 'strict'
  readonly scopes: readonly LocalityScope[]
  /** The zones that an endpoint is meant to serve, by its uid, where those are not simply its own. */
  readonly zoneHints: ReadonlyMap<string, readonly string[]>
}

export type LocalityScope = 'region' | 'zone' | 'subzone' | 'node' | 'cluster' | 'network'

/** `client-ip`: whoever connects again within that many seconds (1 to 86 400) of the last time gets the same endpoint. */
export type SessionAffinity =
  | { readonly kind: 'none' }
  | { readonly kind: 'client-ip'; readonly seconds: number }

export const anyEndpoint: EndpointPreference = { mode: 'any', scopes: [], zoneHints: new Map() }

export interface NetworkAddress {
  readonly network: string
  readonly ip: IpAddress
}
