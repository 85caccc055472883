import { cidrContains, type IpAddress } from '#mesh/address.ts'
import type { MeshSettings } from '#mesh/settings.ts'
import type { NetworkAddress } from '#mesh/workload.ts'
import type { RegistryEndpoint, RegistryService, RegistryWorkload } from '../../../model/registry-state.ts'
import { Remembered } from '../../../model/remembered.ts'
import type { EndpointSlice, SliceEndpoint } from '../objects/endpoint-slice.ts'
import type { Node } from '../objects/node.ts'
import type { Service } from '../objects/service.ts'
import type { OwnedAddresses } from './addresses.ts'

export interface ServiceInputs {
  readonly services: readonly OwnedAddresses[]
  readonly slices: Iterable<EndpointSlice>
  readonly workloads: readonly Pick<RegistryWorkload, 'addresses'>[]
  readonly nodes: Iterable<Pick<Node, 'addresses'>>
  readonly settings: Pick<MeshSettings, 'network' | 'networks'>
}

/** An endpoint that a service names inside the mesh's networks, and that no pod has. */
export interface UnclaimedEndpoint {
  readonly service: Service
  readonly ip: IpAddress
}

/** Services with the endpoints that their slices name; the selector has had its say when those were made. */
export function registryServices(
  { services, slices, workloads, nodes, settings }: ServiceInputs,
  memory = new Remembered<Service, RegistryService>(),
): { readonly services: RegistryService[]; readonly unclaimed: readonly UnclaimedEndpoint[] } {
  const { network, networks } = settings
  const ofWorkloads = new Set(workloads.flatMap(({ addresses }) => addresses))
  // Whatever answers at a node's own address, it is no meshed pod.
  const ofNodes = new Set([...nodes].flatMap(({ addresses }) => addresses))
  const isKnown = ({ address, ofPod }: SliceEndpoint) => {
    // Slices and pods are watched apart. A pod that is not known yet may be a meshed one, which an endpoint of no
    // workload, dialled in plaintext, must never stand for; it comes with the next state.
    if (ofWorkloads.has(address)) return true
    return !ofPod && (ofNodes.has(address) || !networks.some((range) => cidrContains(range, address)))
  }
  const byService = Map.groupBy(slices, ({ namespace, service }) => `${namespace}/${service}`)
  const at = (ips: readonly IpAddress[]) => ips.map((ip) => ({ network, ip }))
  const unclaimed: UnclaimedEndpoint[] = []
  const made = services.map(({ service, clusterIps, ingressIps }) => {
    const own = byService.get(`${service.namespace}/${service.name}`) ?? []
    const strangers = own.flatMap(({ endpoints }) => endpoints.filter((endpoint) => !isKnown(endpoint)))
    // A pod that somebody speaks of is about to come; of anything else nobody will.
    for (const { address: ip, ofPod } of strangers) if (!ofPod) unclaimed.push({ service, ip })
    return memory.of(service, [clusterIps, ingressIps, network, own, strangers], () =>
      registryService(service, at(clusterIps), at(ingressIps), endpointsOf(own, isKnown)),
    )
  })
  return { services: made, unclaimed }
}

function registryService(
  service: Service,
  addresses: readonly NetworkAddress[],
  ingressAddresses: readonly NetworkAddress[],
  endpoints: readonly RegistryEndpoint[],
): RegistryService {
  const { namespace, name, selector, publishNotReadyAddresses, ports } = service
  const { internalTrafficPolicy, trafficDistribution, sessionAffinity } = service
  return {
    namespace,
    name,
    hostname: `${name}.${namespace}.svc.cluster.local`,
    addresses,
    ingressAddresses,
    selector,
    endpoints,
    publishNotReadyAddresses,
    internalTrafficPolicy,
    trafficDistribution,
    sessionAffinity,
    ports,
  }
}

/** Each address once: while endpoints move from slice to slice one may stand in two of them. */
function endpointsOf(
  slices: readonly EndpointSlice[],
  isKnown: (endpoint: SliceEndpoint) => boolean,
): RegistryEndpoint[] {
  const endpoints = new Map<IpAddress, RegistryEndpoint>()
  // In the order of their names, so that what is merely listed in another order makes the same content.
  for (const { ports, endpoints: named } of slices.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    for (const { ofPod: _, ...endpoint } of named.filter(isKnown)) {
      const known = endpoints.get(endpoint.address)
      endpoints.set(endpoint.address, known ? merged(known, endpoint, ports) : { ...endpoint, ports })
    }
  }
  return [...endpoints.values()]
}

function merged(
  known: RegistryEndpoint,
  again: Omit<SliceEndpoint, 'ofPod'>,
  ports: EndpointSlice['ports'],
): RegistryEndpoint {
  const better = usefulness(again) > usefulness(known) ? again : known
  return { ...better, ports: new Map([...known.ports, ...ports]) }
}

function usefulness({ ready, ending }: Pick<RegistryEndpoint, 'ready' | 'ending'>): number {
  return ready ? 2 : Number(ending)
}
