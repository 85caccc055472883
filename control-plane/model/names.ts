import type { IpAddress } from '#mesh/address.ts'
import type { NetworkAddress, ServiceKey } from '#mesh/workload.ts'
import type { RegistryService, RegistryWorkload } from './registry-state.ts'

/** `<cluster>/<group>/<kind>/<namespace>/<name>`, with a pod's empty group. */
export function workloadUid({ clusterId, namespace, name }: RegistryWorkload): string {
  return `${clusterId}//Pod/${namespace}/${name}`
}

/** The uid of an address that services of a namespace name, and that is no pod of the registry. */
export function outsideUid(namespace: string, address: IpAddress): string {
  return `${onlyCluster}/discovery.k8s.io/EndpointSlice/${namespace}/${address}`
}

/** What Kubernetes calls the only cluster; an address outside it has no other. */
export const onlyCluster = 'Kubernetes'

export function serviceKey({ namespace, hostname }: RegistryService): ServiceKey {
  return `${namespace}/${hostname}`
}

/** The name by which a client asks for whoever has an address. */
export function addressAlias({ network, ip }: NetworkAddress): string {
  return `${network}/${ip}`
}
