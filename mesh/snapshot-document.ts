import { type Cidr, formatCidr } from './address.ts'
import type { Authorization, Match } from './policy/authorization.ts'
import type { Snapshot } from './snapshot.ts'
import { formatSpiffeId } from './spiffe-id.ts'
import type { Service, Workload } from './workload.ts'

/** A picture of the mesh as JSON, whole: what a sidecar tells `weft explain`. */
export function snapshotDocument({ settings, workloads, services, authorizations }: Snapshot) {
  return {
    settings: { ...settings, networks: settings.networks.map(formatCidr) },
    workloads: [...workloads.values()].map(workloadDocument),
    services: [...services.values()].map(serviceDocument),
    authorizations: [...authorizations.values()].map(authorizationDocument),
  }
}

function workloadDocument(workload: Workload) {
  return {
    ...workload,
    identity: formatSpiffeId(workload.identity),
    services: [...workload.services].map(([service, ports]) => ({ service, ports })),
  }
}

function serviceDocument(service: Service) {
  const { mode, scopes, zoneHints } = service.preference
  const hints = [...zoneHints].map(([endpoint, zones]) => ({ endpoint, zones }))
  return { ...service, preference: { mode, scopes, zoneHints: hints } }
}

function authorizationDocument(authorization: Authorization) {
  const rules = authorization.rules.map(({ clauses }) => ({
    clauses: clauses.map(({ matches }) => ({ matches: matches.map(matchDocument) })),
  }))
  return { ...authorization, rules }
}

function matchDocument(match: Match) {
  const ranges = (field: readonly Cidr[]) => field.map(formatCidr)
  return {
    ...match,
    sourceIps: ranges(match.sourceIps),
    notSourceIps: ranges(match.notSourceIps),
    destinationIps: ranges(match.destinationIps),
    notDestinationIps: ranges(match.notDestinationIps),
  }
}
