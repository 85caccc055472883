import type { Labels } from '#mesh/policy/documents.ts'
import { type SpiffeId, spiffeId } from '#mesh/spiffe-id.ts'
import type { PortMapping, Service, ServiceKey, Workload } from '#mesh/workload.ts'
import type { RegistryService, RegistryState, RegistryWorkload } from './registry-state.ts'

/** The registry's pods as workloads, each with the services that select it and the policies that hold on it. */
export function workloadsOf(
  state: RegistryState,
  policiesFor: (workload: RegistryWorkload) => readonly string[],
): Workload[] {
  // In the order of their keys, so that a registry that is merely rearranged makes the same content.
  const sorted = state.services.toSorted((a, b) => (serviceKey(a) < serviceKey(b) ? -1 : 1))
  const services = Map.groupBy(sorted, ({ namespace }) => namespace)
  return state.workloads.map((workload) => ({
    uid: workloadUid(workload),
    name: workload.name,
    namespace: workload.namespace,
    clusterId: workload.clusterId,
    network: state.mesh.settings.network,
    identity: identityOf(state.mesh.trustDomain, workload),
    addresses: workload.addresses,
    tunnel: workload.meshed ? 'hbone' : 'none',
    hostNetwork: workload.hostNetwork,
    health: workload.ready ? 'healthy' : 'unhealthy',
    node: workload.node,
    locality: workload.locality,
    owner: workload.owner,
    canonicalName: canonicalName(workload),
    canonicalRevision: workload.labels['app.kubernetes.io/version'] ?? 'latest',
    services: endpointOf(workload, services.get(workload.namespace) ?? []),
    authorizationPolicies: policiesFor(workload),
  }))
}

export function servicesOf(state: RegistryState): Service[] {
  return state.services.map((service) => ({
    key: serviceKey(service),
    name: service.name,
    namespace: service.namespace,
    hostname: service.hostname,
    addresses: service.addresses,
    ports: portMappings(service),
    publishNotReady: service.publishNotReadyAddresses,
  }))
}

/** `<cluster>/<group>/<kind>/<namespace>/<name>`, with a pod's empty group. */
export function workloadUid({ clusterId, namespace, name }: RegistryWorkload): string {
  return `${clusterId}//Pod/${namespace}/${name}`
}

function serviceKey({ namespace, hostname }: RegistryService): ServiceKey {
  return `${namespace}/${hostname}`
}

function portMappings({ ports }: RegistryService): PortMapping[] {
  return ports.map(({ port, targetPort }) => ({ servicePort: port, targetPort }))
}

function endpointOf(
  workload: RegistryWorkload,
  services: readonly RegistryService[],
): ReadonlyMap<ServiceKey, readonly PortMapping[]> {
  const selecting = services.filter(({ selector }) => selects(selector, workload.labels))
  return new Map(selecting.map((service) => [serviceKey(service), portMappings(service)]))
}

/** An empty selector selects nothing: such a service names its endpoints elsewhere. */
function selects(selector: Labels, labels: Labels): boolean {
  const wanted = Object.entries(selector)
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value)
}

function canonicalName({ labels, owner }: RegistryWorkload): string {
  return labels['app.kubernetes.io/name'] ?? labels['app'] ?? owner.name
}

function identityOf(trustDomain: string, { namespace, serviceAccount, name }: RegistryWorkload): SpiffeId {
  const identity = spiffeId(trustDomain, namespace, serviceAccount)
  // The registry's readers let only names through that make an identity.
  if (!identity) {
    throw new Error(`workload ${namespace}/${name} has no identity in ${trustDomain} as ${serviceAccount}`)
  }
  return identity
}
