import { anyEndpoint, type EndpointPreference, type LocalityScope } from '#mesh/workload.ts'
import { type NamedEndpoint, usableOf } from './endpoints.ts'
import { outsideUid, workloadUid } from './names.ts'
import type { RegistryService, RegistryWorkload } from './registry-state.ts'

/** One endpoint, as far as a preference looks at it. */
interface Candidate {
  readonly uid: string
  readonly node: string
  readonly zone: string
  /** The zones that it is meant to serve; empty when nobody said. */
  readonly hints: readonly string[]
}

/**
 * Which endpoints a client takes first. A preference that some endpoint says nothing for is none at all: the traffic
 * of the clients that nobody is meant for would fall on the few that say nothing.
 */
export function preferenceOf(
  service: RegistryService,
  selected: readonly RegistryWorkload[],
  named: readonly NamedEndpoint[],
): EndpointPreference {
  if (service.internalTrafficPolicy === 'local') return { ...anyEndpoint, mode: 'strict', scopes: ['node'] }
  // Nobody gives hints to an endpoint that is not ready.
  const chosen = new Set(usableOf(service))
  const usable = named.filter(({ endpoint }) => chosen.has(endpoint))
  const candidates = service.endpoints ? usable.map((one) => hinted(service, one)) : selected.map(inOwnZone)
  const wanted = service.trafficDistribution
  // Hints of named endpoints count by themselves: whoever wrote them has decided already.
  const byZone = wanted !== 'any' || service.endpoints !== undefined
  const scopes: LocalityScope[] = [
    ...(byZone && candidates.every(({ hints }) => hints.length > 0) ? (['zone'] as const) : []),
    ...(wanted === 'prefer-node' && candidates.every(({ node }) => node !== '') ? (['node'] as const) : []),
  ]
  if (scopes.length === 0 || candidates.length === 0) return anyEndpoint
  return {
    mode: 'failover',
    scopes,
    zoneHints: scopes.includes('zone') ? unusualHints(candidates) : new Map(),
  }
}

function inOwnZone(workload: RegistryWorkload): Candidate {
  const { zone } = workload.locality
  return { uid: workloadUid(workload), node: workload.node, zone, hints: zone === '' ? [] : [zone] }
}

function hinted({ namespace, trafficDistribution }: RegistryService, one: NamedEndpoint): Candidate {
  const { endpoint, workload } = one
  const uid = workload ? workloadUid(workload) : outsideUid(namespace, endpoint.address)
  const zone = workload?.locality.zone || endpoint.zone
  const own = trafficDistribution === 'any' || zone === '' ? [] : [zone]
  return {
    uid,
    node: workload?.node || endpoint.node,
    zone,
    hints: endpoint.hints.length > 0 ? endpoint.hints : own,
  }
}

function unusualHints(candidates: readonly Candidate[]): EndpointPreference['zoneHints'] {
  const unusual = candidates.filter(({ zone, hints }) => hints.length !== 1 || hints[0] !== zone)
  const sorted = unusual.toSorted((a, b) => (a.uid < b.uid ? -1 : 1))
  return new Map(sorted.map(({ uid, hints }) => [uid, hints.toSorted()]))
}
