import type { EndpointPreference, LocalityScope, Workload } from './workload.ts'

/**
 * The endpoints that a client takes by where it is itself. An unknown client has no preference, and is nowhere near
 * a strict one.
 */
export function preferred<Candidate extends { readonly workload: Workload | undefined }>(
  candidates: readonly Candidate[],
  preference: EndpointPreference,
  client: Workload | undefined,
): readonly Candidate[] {
  const { mode, scopes } = preference
  if (mode === 'any' || scopes.length === 0) return candidates
  const ranked = candidates.map((candidate) => ({
    candidate,
    rank: rankOf(candidate.workload, preference, client),
  }))
  const wanted = mode === 'strict' ? scopes.length : Math.max(...ranked.map(({ rank }) => rank))
  return ranked.filter(({ rank }) => rank === wanted).map(({ candidate }) => candidate)
}

/** How many leading scopes both have in common. */
function rankOf(
  endpoint: Workload | undefined,
  { scopes, zoneHints }: EndpointPreference,
  client: Workload | undefined,
): number {
  if (!endpoint || !client) return 0
  const first = scopes.findIndex((scope) => !shares(scope, endpoint, client, zoneHints.get(endpoint.uid)))
  return first < 0 ? scopes.length : first
}

function shares(
  scope: LocalityScope,
  endpoint: Workload,
  client: Workload,
  hints: readonly string[] | undefined,
): boolean {
  switch (scope) {
    case 'zone':
      return hints ? hints.includes(client.locality.zone) : same(endpoint.locality.zone, client.locality.zone)
    case 'region':
    case 'subzone':
      return same(endpoint.locality[scope], client.locality[scope])
    case 'node':
      return same(endpoint.node, client.node)
    case 'cluster':
      return endpoint.clusterId === client.clusterId
    case 'network':
      return endpoint.network === client.network
  }
}

/** What is unknown at both ends is not for that reason the same. */
function same(a: string, b: string): boolean {
  return a !== '' && a === b
}
