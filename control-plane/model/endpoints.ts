import type { IpAddress } from '#mesh/address.ts'
import type { Labels } from '#mesh/policy/documents.ts'
import type { PortMapping, ServiceKey } from '#mesh/workload.ts'
import { serviceKey } from './names.ts'
import type {
  RegistryEndpoint,
  RegistryService,
  RegistryServicePort,
  RegistryState,
  RegistryWorkload,
} from './registry-state.ts'

/** A workload's ports of a service, by the service's key. */
type Mappings = Map<ServiceKey, readonly PortMapping[]>

/** Who serves which service, and where. */
export interface Endpoints {
  /** The services that a workload is an endpoint of. */
  servicesOf(workload: RegistryWorkload): ReadonlyMap<ServiceKey, readonly PortMapping[]>
  /** The workloads that a service selects. */
  selectedBy(service: RegistryService): readonly RegistryWorkload[]
  /** The endpoints that a service names, each with the workload that it is. */
  namedBy(service: RegistryService): readonly NamedEndpoint[]
  /** Whether a workload that ends is an endpoint of a service which has none that is ready. */
  isNeeded(workload: RegistryWorkload): boolean
  /** Addresses that services name and that are no workload of the state; one a namespace and address. */
  readonly outside: readonly OutsideEndpoint[]
}

export interface OutsideEndpoint {
  readonly namespace: string
  readonly address: IpAddress
  readonly ready: boolean
  /** Whether it is a host's own, which its pods of that network have too. */
  readonly hostNetwork: boolean
  readonly node: string
  readonly zone: string
  readonly services: Mappings
}

export interface NamedEndpoint {
  readonly endpoint: RegistryEndpoint
  /** Undefined outside the registry's workloads. */
  readonly workload: RegistryWorkload | undefined
}

/** Joins services and workloads, by selector or by the endpoints that a service names. */
export function joinEndpoints({ services, workloads }: RegistryState): Endpoints {
  const byNamespace = Map.groupBy(workloads, ({ namespace }) => namespace)
  const places = placesOf(workloads)
  const serving = new Map<RegistryWorkload, Mappings>(workloads.map((workload) => [workload, new Map()]))
  const selected = new Map<RegistryService, readonly RegistryWorkload[]>()
  const needed = new Set<RegistryWorkload>()
  const outside = new Map<string, OutsideEndpoint>()
  const virtual = virtualAddresses(services)
  // In the order of their keys, so that a registry that is merely rearranged makes the same content.
  for (const service of services.toSorted((a, b) => (serviceKey(a) < serviceKey(b) ? -1 : 1))) {
    const key = serviceKey(service)
    if (!service.endpoints) {
      const candidates = byNamespace.get(service.namespace) ?? []
      const chosen = candidates.filter(selecting(service.selector))
      const mappings = selectedMappings(service)
      for (const workload of chosen) serving.get(workload)?.set(key, mappings(workload))
      selected.set(service, chosen)
    }
    const mappingsOf = namedMappings(service)
    for (const endpoint of usableOf(service)) {
      const workload = places.at(endpoint)
      if (workload && endpoint.ending) needed.add(workload)
      if (!workload && virtual.has(endpoint.address)) continue
      const mappings = workload
        ? serving.get(workload)
        : outsideOf(outside, service, endpoint, places).services
      mappings?.set(key, mappingsOf(endpoint))
    }
  }
  return {
    servicesOf: (workload) => serving.get(workload) ?? new Map(),
    selectedBy: (service) => selected.get(service) ?? [],
    namedBy: ({ endpoints = [] }) =>
      endpoints.map((endpoint) => ({ endpoint, workload: places.at(endpoint) })),
    isNeeded: (workload) => needed.has(workload),
    outside: [...outside.values()],
  }
}

/**
 * Whoever is not ready is no endpoint, which may also be said of a workload that is. Where nobody is ready, those that end
 * and still serve are the last resort; on each node by itself, where the service leads to the client's own.
 */
export function usableOf(service: RegistryService): readonly RegistryEndpoint[] {
  const { endpoints = [], publishNotReadyAddresses, internalTrafficPolicy } = service
  if (publishNotReadyAddresses) return endpoints
  const local = internalTrafficPolicy === 'local'
  return [...Map.groupBy(endpoints, ({ node }) => (local ? node : '')).values()].flatMap((group) => {
    const ready = group.filter((endpoint) => endpoint.ready)
    return ready.length > 0 ? ready : group.filter((endpoint) => endpoint.ending)
  })
}

/** They are nobody's endpoint: behind one may be a meshed pod, which would be reached in plaintext that way. */
function virtualAddresses(services: readonly RegistryService[]): ReadonlySet<IpAddress> {
  const all = services.flatMap(({ addresses, ingressAddresses }) => [...addresses, ...ingressAddresses])
  return new Set(all.map(({ ip }) => ip))
}

/** Services of a namespace that name the same address mean the same machine. */
function outsideOf(
  outside: Map<string, OutsideEndpoint>,
  { namespace }: RegistryService,
  { address, ready, ending, node, zone }: RegistryEndpoint,
  { isHost }: Places,
): OutsideEndpoint {
  const key = `${namespace}/${address}`
  const known = outside.get(key)
  const merged = {
    namespace,
    address,
    ready: ready || ending || (known?.ready ?? false),
    hostNetwork: isHost(address),
    node: known?.node || node,
    zone: known?.zone || zone,
    services: known?.services ?? new Map(),
  }
  outside.set(key, merged)
  return merged
}

interface Places {
  /** The workload that an endpoint is. */
  at(endpoint: RegistryEndpoint): RegistryWorkload | undefined
  /** Whether pods of a host's network have the address, and nobody else. */
  isHost(address: IpAddress): boolean
}

/** Pods of a host's network share its address, and so does what is no pod: by address alone, none of them is meant. */
function placesOf(workloads: readonly RegistryWorkload[]): Places {
  const byAddress = new Map<IpAddress, RegistryWorkload>()
  const onHosts = new Map<string, RegistryWorkload>()
  const hosts = new Set<IpAddress>()
  for (const workload of workloads) {
    const { namespace, name, hostNetwork, addresses } = workload
    if (hostNetwork) onHosts.set(`${namespace}/${name}`, workload)
    for (const ip of addresses) {
      if (hostNetwork) hosts.add(ip)
      else byAddress.set(ip, workload)
    }
  }
  return {
    at({ address, pod }) {
      const owner = byAddress.get(address)
      if (owner) return owner
      const named = onHosts.get(pod)
      return named?.addresses.includes(address) ? named : undefined
    },
    isHost: (address) => hosts.has(address) && !byAddress.has(address),
  }
}

/** An empty selector selects nothing: such a service names its endpoints. */
function selecting(selector: Labels): (workload: RegistryWorkload) => boolean {
  const wanted = Object.entries(selector)
  return ({ labels }) => wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value)
}

/** A workload that has no port of the name that a service means does not serve that port. */
function selectedMappings({
  ports,
}: RegistryService): (workload: RegistryWorkload) => readonly PortMapping[] {
  const mappings = (named: ReadonlyMap<string, number>) =>
    ports.flatMap((port) => {
      const { targetPort } = port
      return mapping(port, typeof targetPort === 'number' ? targetPort : named.get(targetPort))
    })
  // Numbers are the same for all of a service's thousands of workloads.
  if (ports.some(({ targetPort }) => typeof targetPort === 'string'))
    return (workload) => mappings(workload.ports)
  const shared = mappings(new Map())
  return () => shared
}

/** The endpoints of a slice share its ports, and their mappings too. */
function namedMappings({ ports }: RegistryService): (endpoint: RegistryEndpoint) => readonly PortMapping[] {
  const made = new Map<RegistryEndpoint['ports'], readonly PortMapping[]>()
  return ({ ports: numbers }) => {
    const known = made.get(numbers)
    if (known) return known
    const mappings = ports.flatMap((port) => mapping(port, numbers.get(port.name)))
    made.set(numbers, mappings)
    return mappings
  }
}

function mapping({ port }: RegistryServicePort, targetPort: number | undefined): PortMapping[] {
  return targetPort === undefined ? [] : [{ servicePort: port, targetPort }]
}
