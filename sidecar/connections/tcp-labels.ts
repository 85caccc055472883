import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import type { Workload } from '#mesh/workload.ts'
import type { ConnectionRecord } from './record.ts'

export const tcpLabels = [
  'reporter',
  'source_workload',
  'source_workload_namespace',
  'source_principal',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_service',
  'connection_security_policy',
] as const

export type TcpLabels = Record<(typeof tcpLabels)[number], string>

/** Sets of labels that are told apart; each costs 5 KB. Those of peers that come later are folded into one. */
export const labelSetLimit = 1_000

/** What tells the peer of one connection from that of another. */
const folded = {
  destination: { source_workload: 'other', source_workload_namespace: 'other', source_principal: 'other' },
  source: {
    destination_workload: 'other',
    destination_workload_namespace: 'other',
    destination_principal: 'other',
    destination_service: 'other',
  },
}

/**
 * The labels that connections are counted by. Jobs and deployments come and go under names of their own for as long as the
 * sidecar of what they all use lives, and a counter never forgets: beyond the limit, peers that were not seen before are
 * `other`. Whoever has labels keeps them, so that what is opened and what is closed are counted alike.
 */
export class LabelSets {
  readonly #known = new Set<string>()

  get size(): number {
    return this.#known.size
  }

  of(record: ConnectionRecord): TcpLabels {
    const labels = tcpLabelsOf(record)
    const set = Object.values(labels).join('\n')
    if (this.#known.has(set)) return labels
    if (this.#known.size >= labelSetLimit) {
      return { ...labels, ...folded[record.direction === 'inbound' ? 'destination' : 'source'] }
    }
    this.#known.add(set)
    return labels
  }
}

function tcpLabelsOf(record: ConnectionRecord): TcpLabels {
  const { direction, peer, source, destinationWorkload, service } = record
  const principal = (workload: Workload | undefined) =>
    workload ? formatSpiffeId(workload.identity) : 'unknown'
  const proved = peer ? formatSpiffeId(peer) : 'unknown'
  return {
    reporter: direction === 'inbound' ? 'destination' : 'source',
    source_workload: source.workload?.canonicalName || source.workload?.name || 'unknown',
    source_workload_namespace: source.workload?.namespace ?? 'unknown',
    source_principal: direction === 'inbound' ? proved : principal(source.workload),
    destination_workload: destinationWorkload?.canonicalName || destinationWorkload?.name || 'unknown',
    destination_workload_namespace: destinationWorkload?.namespace ?? 'unknown',
    destination_principal: direction === 'outbound' ? proved : principal(destinationWorkload),
    destination_service: service?.hostname ?? 'unknown',
    connection_security_policy: peer ? 'mutual_tls' : 'none',
  }
}
