import { cidrContains, type IpAddress } from './address.ts'
import type { Authorization } from './policy/authorization.ts'
import type { MeshSettings } from './settings.ts'
import type { Service, ServiceKey, Workload } from './workload.ts'

/** A picture of the mesh at one moment. Nobody changes one; the next replaces it. */
export interface Snapshot {
  readonly settings: MeshSettings
  readonly workloads: ReadonlyMap<string, Workload>
  readonly services: ReadonlyMap<ServiceKey, Service>
  readonly authorizations: ReadonlyMap<string, Authorization>
  readonly workloadAt: (ip: IpAddress) => Workload | undefined
  readonly serviceAt: (ip: IpAddress) => Service | undefined
  readonly endpointsOf: (service: ServiceKey) => readonly Workload[]
}

export interface SnapshotParts {
  readonly settings: MeshSettings
  readonly workloads: ReadonlyMap<string, Workload>
  readonly services: ReadonlyMap<ServiceKey, Service>
  readonly authorizations: ReadonlyMap<string, Authorization>
}

/**
 * Indexes the parts by address and by service. An address of several owners belongs to a meshed one before any other,
 * so that a moment's ambiguity is never plaintext, to a pod before a pod of the node's network, then to the first by key.
 */
export function createSnapshot(parts: SnapshotParts): Snapshot {
  const workloadByIp = new Map<IpAddress, Workload>()
  const endpoints = new Map<ServiceKey, Workload[]>()
  for (const workload of parts.workloads.values()) {
    for (const ip of workload.addresses) claim(workloadByIp, ip, workload, workloadRank)
    for (const key of workload.services.keys()) {
      const list = endpoints.get(key)
      if (list) list.push(workload)
      else endpoints.set(key, [workload])
    }
  }
  const serviceByIp = new Map<IpAddress, Service>()
  for (const service of parts.services.values()) {
    for (const { ip } of service.addresses) claim(serviceByIp, ip, service, (owner) => owner.key)
  }
  return {
    ...parts,
    workloadAt: (ip) => workloadByIp.get(ip),
    serviceAt: (ip) => serviceByIp.get(ip),
    endpointsOf: (key) => endpoints.get(key) ?? [],
  }
}

/** Whether an address belongs to the mesh's own ranges, where unknown is refused. */
export function insideMesh(settings: MeshSettings, ip: IpAddress): boolean {
  return settings.networks.some((range) => cidrContains(range, ip))
}

function workloadRank({ tunnel, hostNetwork, uid }: Workload): string {
  const rank = tunnel === 'hbone' ? 0 : hostNetwork ? 2 : 1
  return `${rank} ${uid}`
}

/** The owner that ranks first in the order of text keeps the address. */
function claim<T>(index: Map<IpAddress, T>, ip: IpAddress, owner: T, rank: (owner: T) => string): void {
  const present = index.get(ip)
  if (present === undefined || rank(owner) < rank(present)) index.set(ip, owner)
}
