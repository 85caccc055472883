import type { SocketAddress } from '#mesh/address.ts'
import { describeRefusal, type RouteRefusal } from '#mesh/route.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import { nameOf } from './names.ts'
import type { Outcome } from './outcome.ts'
import type { Source } from './source.ts'

/** What a refused route amounts to: refused by the source's own sidecar, if it has one. */
export function judgeRefusal(
  reason: RouteRefusal,
  destination: SocketAddress | undefined,
  source: Source,
  snapshot: Snapshot,
): Outcome {
  const outcome: Outcome = {
    address: destination,
    workload: undefined,
    transport: 'none',
    allowed: false,
    because: describeRefusal(reason),
    by: undefined,
    changes: changesFor(reason, snapshot),
    wouldDeny: [],
  }
  if (source.meshed || !isBySidecar(reason)) return outcome
  return {
    ...outcome,
    transport: 'plaintext',
    allowed: true,
    because: 'neither end is meshed, so that the mesh has no say',
    changes: [`mesh the source: then ${describeRefusal(reason)}`],
  }
}

/** Whether it is the sidecar that refuses; without endpoints nobody gets anywhere. */
function isBySidecar({ kind }: RouteRefusal): boolean {
  return kind === 'unknown_in_mesh' || kind === 'egress_denied'
}

function changesFor(reason: RouteRefusal, snapshot: Snapshot): string[] {
  switch (reason.kind) {
    case 'no_endpoints':
      return reason.onNode === undefined
        ? endpointChanges(reason.service, snapshot)
        : ['write internalTrafficPolicy: Cluster, or run an endpoint on that node']
    case 'no_such_port':
      return portChanges(reason, snapshot)
    case 'unknown_in_mesh':
      return [`write an address that a workload or a service has: nobody has ${reason.ip}`]
    case 'egress_denied':
      return ['write egress: passthrough into the settings of the mesh']
  }
}

function endpointChanges(service: string, snapshot: Snapshot): string[] {
  const waiting = snapshot.endpointsOf(service).slice(0, 4)
  if (waiting.length > 0) {
    return waiting.map((workload) => `make ${nameOf(workload)} ready`)
  }
  return ['have a workload of its namespace with the labels that its selector asks for, and ready']
}

function portChanges(
  { service: key, port }: Extract<RouteRefusal, { kind: 'no_such_port' }>,
  snapshot: Snapshot,
): string[] {
  const service = snapshot.services.get(key)
  if (!service) return []
  const known = service.ports.map(({ servicePort, targetPort }) => {
    return targetPort === 0 ? `${servicePort}` : `${servicePort}->${targetPort}`
  })
  return [`write one of its ports (${known.join(', ')})`, `add port ${port} to service ${nameOf(service)}`]
}
