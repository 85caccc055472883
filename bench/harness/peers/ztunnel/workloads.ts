import { stringify } from 'yaml'
import type { WorkloadEntry } from '#test/harness/registry-file.ts'

/** What ztunnel reads in place of what istiod would push: every workload, reached through HBONE when meshed. */
export function workloadsFile(entries: readonly WorkloadEntry[]): string {
  const workloads = entries.map(({ namespace, name, serviceAccount, addresses, meshed }) => ({
    uid: `bench//Pod/${namespace}/${name}`,
    name,
    namespace,
    serviceAccount,
    trustDomain: 'cluster.local',
    workloadIps: addresses,
    protocol: meshed ? 'HBONE' : 'TCP',
    node: 'node',
    network: '',
    services: {},
  }))
  return stringify({ workloads })
}
