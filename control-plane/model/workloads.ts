import { type SpiffeId, spiffeId } from '#mesh/spiffe-id.ts'
import type { Service, Workload } from '#mesh/workload.ts'
import { type Endpoints, joinEndpoints, type OutsideEndpoint } from './endpoints.ts'
import { addressAlias, onlyCluster, outsideUid, serviceKey, workloadUid } from './names.ts'
import { preferenceOf } from './preference.ts'
import type { RegistryService, RegistryState, RegistryWorkload } from './registry-state.ts'
import { Remembered } from './remembered.ts'

/** The mesh's workloads and services, as everybody who may see all of them does. */
export interface Population {
  /** One for each of the registry's, in their order, then those of addresses that services name besides. */
  readonly workloads: readonly Workload[]
  readonly services: readonly Service[]
}

/** What was made before, of objects of the registry that are still the same. */
export class PopulationMemory {
  readonly workloads = new Remembered<RegistryWorkload, Workload>()
  readonly services = new Remembered<RegistryService, Service>()
}

/**
 * The registry's pods as workloads, each with the services that it is an endpoint of and the policies that hold on
 * it; the addresses that services name besides them; and the services.
 */
export function populationOf(
  state: RegistryState,
  policiesFor: (workload: RegistryWorkload) => readonly string[],
  memory = new PopulationMemory(),
): Population {
  const { trustDomain, settings } = state.mesh
  const endpoints = joinEndpoints(state)
  const pods = state.workloads.map((pod) => {
    const [services, policies] = [endpoints.servicesOf(pod), policiesFor(pod)]
    const health = pod.ready || endpoints.isNeeded(pod) ? 'healthy' : 'unhealthy'
    return memory.workloads.of(pod, [trustDomain, settings.network, services, policies, health], () =>
      podWorkload(state, pod, { services, health, authorizationPolicies: policies }),
    )
  })
  const outside = endpoints.outside.map((endpoint) => outsideWorkload(state, endpoint))
  return { workloads: [...pods, ...outside], services: servicesOf(state, endpoints, memory) }
}

function podWorkload(
  { mesh }: RegistryState,
  pod: RegistryWorkload,
  joined: Pick<Workload, 'services' | 'health' | 'authorizationPolicies'>,
): Workload {
  return {
    uid: workloadUid(pod),
    name: pod.name,
    namespace: pod.namespace,
    clusterId: pod.clusterId,
    network: mesh.settings.network,
    identity: identityOf(mesh.trustDomain, pod),
    addresses: pod.addresses,
    tunnel: pod.meshed ? 'hbone' : 'none',
    hostNetwork: pod.hostNetwork,
    node: pod.node,
    locality: pod.locality,
    owner: pod.owner,
    canonicalName: canonicalName(pod),
    canonicalRevision: pod.labels['app.kubernetes.io/version'] ?? 'latest',
    ...joined,
  }
}

function outsideWorkload({ mesh }: RegistryState, endpoint: OutsideEndpoint): Workload {
  const { namespace, address, ready, hostNetwork, node, zone, services } = endpoint
  return {
    uid: outsideUid(namespace, address),
    name: address,
    namespace,
    clusterId: onlyCluster,
    network: mesh.settings.network,
    // It has none; the field cannot be left out, and nothing without a tunnel is asked to prove it.
    identity: identityOf(mesh.trustDomain, { namespace, name: address, serviceAccount: 'default' }),
    addresses: [address],
    tunnel: 'none',
    hostNetwork,
    health: ready ? 'healthy' : 'unhealthy',
    node,
    locality: { region: '', zone, subzone: '' },
    owner: { type: 'pod', name: address },
    canonicalName: address,
    canonicalRevision: 'latest',
    services,
    authorizationPolicies: [],
  }
}

function servicesOf(state: RegistryState, endpoints: Endpoints, memory: PopulationMemory): Service[] {
  const taken = takenAddresses(state)
  return state.services.map((service) => {
    const ingress = service.ingressAddresses.filter((address) => !taken.has(addressAlias(address)))
    const preference = preferenceOf(service, endpoints.selectedBy(service), endpoints.namedBy(service))
    return memory.services.of(service, [ingress, preference], () => ({
      key: serviceKey(service),
      name: service.name,
      namespace: service.namespace,
      hostname: service.hostname,
      addresses: [...service.addresses, ...ingress],
      ports: service.ports.map(({ port, targetPort }) => {
        return { servicePort: port, targetPort: typeof targetPort === 'number' ? targetPort : 0 }
      }),
      publishNotReady: service.publishNotReadyAddresses,
      preference,
      affinity: service.sessionAffinity,
    }))
  })
}

/** Pods' and services' own addresses come before what a load balancer claims. */
function takenAddresses({ mesh, workloads, services }: RegistryState): ReadonlySet<string> {
  const { network } = mesh.settings
  return new Set([
    ...workloads.flatMap(({ addresses }) => addresses.map((ip) => addressAlias({ network, ip }))),
    ...services.flatMap(({ addresses }: RegistryService) => addresses.map(addressAlias)),
  ])
}

function canonicalName({ labels, owner }: RegistryWorkload): string {
  return labels['app.kubernetes.io/name'] ?? labels['app'] ?? owner.name
}

function identityOf(
  trustDomain: string,
  { namespace, serviceAccount, name }: Pick<RegistryWorkload, 'namespace' | 'serviceAccount' | 'name'>,
): SpiffeId {
  const identity = spiffeId(trustDomain, namespace, serviceAccount)
  // The registry's readers let only names through that make an identity.
  if (!identity) {
    throw new Error(`workload ${namespace}/${name} has no identity in ${trustDomain} as ${serviceAccount}`)
  }
  return identity
}
