import type { EndpointAddress, IpAddress, SocketAddress } from './address.ts'
import { preferred } from './preference.ts'
import { insideMesh, type Snapshot } from './snapshot.ts'
import type { Service, Workload } from './workload.ts'

/** One place that a connection may go to. */
export interface Endpoint {
  readonly address: EndpointAddress
  /** Undefined for an address that no workload claims. */
  readonly workload: Workload | undefined
  /** `hbone`: mutual TLS or nothing. `plain`: known not to be meshed. `own`: the source pod itself. */
  readonly transport: 'hbone' | 'plain' | 'own'
}

export type Route =
  | {
      readonly kind: 'endpoints'
      readonly service: Service | undefined
      /** In no order; one is chosen per connection. Never empty. */
      readonly endpoints: readonly Endpoint[]
    }
  /** Outside the mesh's networks: passed on as it came. */
  | { readonly kind: 'passthrough'; readonly address: EndpointAddress }
  | { readonly kind: 'refused'; readonly reason: RouteRefusal }

export type RouteRefusal =
  /** The service has no endpoint that is ready, or none on the client's own node where it leads to no other. */
  | { readonly kind: 'no_endpoints'; readonly service: string; readonly onNode?: string }
  /** The service has no such port. */
  | { readonly kind: 'no_such_port'; readonly service: string; readonly port: number }
  /** Inside the mesh's networks, and nobody has said what it is: never plaintext on a guess. */
  | { readonly kind: 'unknown_in_mesh'; readonly ip: IpAddress }
  /** Outside the mesh, and the egress setting is `registry-only`. */
  | { readonly kind: 'egress_denied'; readonly ip: IpAddress }

/**
 * Where a connection of `own` to `destination` goes. Pure: the sidecar routes by it and `weft explain` asks it.
 * A pod address outranks a service's virtual address.
 */
export function resolveRoute(
  snapshot: Snapshot,
  destination: SocketAddress,
  own: ReadonlySet<IpAddress>,
): Route {
  const { ip } = destination
  const workload = snapshot.workloadAt(ip)
  if (workload || own.has(ip)) {
    const address = destination as EndpointAddress
    return { kind: 'endpoints', service: undefined, endpoints: [endpointOf(address, workload, own)] }
  }
  const service = snapshot.serviceAt(ip)
  if (service) return serviceRoute(snapshot, service, destination, own)
  if (insideMesh(snapshot.settings, ip)) return { kind: 'refused', reason: { kind: 'unknown_in_mesh', ip } }
  if (snapshot.settings.egress === 'registry-only') {
    return { kind: 'refused', reason: { kind: 'egress_denied', ip } }
  }
  return { kind: 'passthrough', address: destination as EndpointAddress }
}

export function describeRefusal(reason: RouteRefusal): string {
  switch (reason.kind) {
    case 'no_endpoints':
      return reason.onNode === undefined
        ? `service ${reason.service} has no ready endpoint`
        : `service ${reason.service} has no ready endpoint on node ${reason.onNode || 'of this pod'}, and leads to no other`
    case 'no_such_port':
      return `service ${reason.service} has no port ${reason.port}`
    case 'unknown_in_mesh':
      return `${reason.ip} lies in the mesh's networks, but the control plane knows nobody there`
    case 'egress_denied':
      return `${reason.ip} lies outside the mesh, and egress is registry-only`
  }
}

function serviceRoute(
  snapshot: Snapshot,
  service: Service,
  destination: SocketAddress,
  own: ReadonlySet<IpAddress>,
): Route {
  const { port } = destination
  if (!service.ports.some((mapping) => mapping.servicePort === port)) {
    return { kind: 'refused', reason: { kind: 'no_such_port', service: service.key, port } }
  }
  const usable = snapshot
    .endpointsOf(service.key)
    .filter((workload) => service.publishNotReady || workload.health === 'healthy')
  const endpoints = usable.flatMap((workload) => endpointsIn(snapshot, workload, service, destination, own))
  if (endpoints.length === 0)
    return { kind: 'refused', reason: { kind: 'no_endpoints', service: service.key } }
  const client = clientOf(snapshot, own)
  const chosen = preferred(endpoints, service.preference, client)
  if (chosen.length > 0) return { kind: 'endpoints', service, endpoints: chosen }
  const reason = { kind: 'no_endpoints', service: service.key, onNode: client?.node ?? '' } as const
  return { kind: 'refused', reason }
}

/** The workload that the connection comes from. */
function clientOf(snapshot: Snapshot, own: ReadonlySet<IpAddress>): Workload | undefined {
  for (const ip of own) {
    const workload = snapshot.workloadAt(ip)
    if (workload) return workload
  }
  return undefined
}

function endpointsIn(
  snapshot: Snapshot,
  workload: Workload,
  service: Service,
  destination: SocketAddress,
  own: ReadonlySet<IpAddress>,
): Endpoint[] {
  const mappings = workload.services.get(service.key)
  const target = mappings?.find((mapping) => mapping.servicePort === destination.port)
  const ip = addressLike(destination.ip, workload)
  if (!target || ip === undefined) return []
  // While an address passes from one pod to the next, only its owner is dialled there; machines outside the registry,
  // and pods on a node's network, share theirs.
  const owner = snapshot.workloadAt(ip)
  const shared = workload.tunnel === 'none' && owner?.tunnel === 'none' && sharesAddress(workload, owner)
  if (owner !== workload && !shared) return []
  return [endpointOf({ ip, port: target.targetPort } as EndpointAddress, workload, own)]
}

function sharesAddress(workload: Workload, owner: Workload): boolean {
  return workload.hostNetwork === owner.hostNetwork && (workload.hostNetwork || workload.name === owner.name)
}

/** An address of the destination's family, so that an IPv6 virtual address leads to IPv6 endpoints. */
function addressLike(destination: IpAddress, workload: Workload): IpAddress | undefined {
  const isV6 = destination.includes(':')
  return workload.addresses.find((ip) => ip.includes(':') === isV6) ?? workload.addresses[0]
}

function endpointOf(
  address: EndpointAddress,
  workload: Workload | undefined,
  own: ReadonlySet<IpAddress>,
): Endpoint {
  if (own.has(address.ip)) return { address, workload, transport: 'own' }
  return { address, workload, transport: workload?.tunnel === 'hbone' ? 'hbone' : 'plain' }
}
