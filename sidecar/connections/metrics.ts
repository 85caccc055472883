import { Counter, Gauge, Histogram, type Registry } from '#runtime/metrics.ts'
import type { ConnectionRecord } from './record.ts'
import { refusalReason } from './refusal.ts'
import { LabelSets, labelSetLimit, type TcpLabels, tcpLabels } from './tcp-labels.ts'

export type ConnectionMetrics = ReturnType<typeof connectionMetrics>

/** Istio's names for what existing dashboards show, weft's own for the rest. Labels name workloads, never addresses. */
export function connectionMetrics(registry: Registry, live: () => number) {
  const registers = [registry]
  const labelSets = new LabelSets()
  /** As each was opened: it is closed under the same labels, whoever its peer turned out to be meanwhile. */
  const countedBy = new WeakMap<ConnectionRecord, TcpLabels>()
  const counter = (name: string, help: string) =>
    new Counter({ name, help, labelNames: [...tcpLabels], registers })
  const opened = counter('istio_tcp_connections_opened_total', 'TCP connections opened')
  const closed = counter('istio_tcp_connections_closed_total', 'TCP connections closed')
  const sent = counter('istio_tcp_sent_bytes_total', 'Bytes that destinations answered')
  const received = counter('istio_tcp_received_bytes_total', 'Bytes that sources sent')
  const refused = new Counter({
    name: 'weft_connections_refused_total',
    help: 'Connections that were refused or cut, by reason and by the policy that decided',
    labelNames: ['direction', 'reason', 'policy'],
    registers,
  })
  const plaintextFromMesh = new Counter({
    name: 'weft_plaintext_from_mesh_total',
    help: 'Plaintext connections from addresses of meshed workloads',
    registers,
  })
  const wouldDeny = new Counter({
    name: 'weft_dry_run_denials_total',
    help: 'Connections that a dry-run policy would deny, counted once for each policy as soon as it would',
    labelNames: ['policy'],
    registers,
  })
  const connect = new Histogram({
    name: 'weft_connect_seconds',
    help: 'From accepting a connection until its other end was reached',
    labelNames: ['direction'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    registers,
  })
  const open: Gauge = new Gauge({
    name: 'weft_connections',
    help: 'Connections that are open now',
    registers,
    collect: () => open.set(live()),
  })
  const sets: Gauge = new Gauge({
    name: 'weft_label_sets',
    help: 'Sets of labels that connections are counted by; at the limit, new peers are counted as other',
    registers,
    collect: () => sets.set(labelSets.size),
  })
  const mostSets = new Gauge({ name: 'weft_label_sets_limit', help: 'A fixed number', registers })
  mostSets.set(labelSetLimit)

  return {
    connected: (record: ConnectionRecord): void => {
      const labels = labelSets.of(record)
      countedBy.set(record, labels)
      opened.inc(labels)
      connect.observe({ direction: record.direction }, (record.connectMs ?? 0) / 1_000)
    },
    report: (record: ConnectionRecord): void => {
      const { direction, carried, refusal } = record
      const labels = countedBy.get(record)
      if (labels) {
        closed.inc(labels)
        received.inc(labels, carried.sent)
        sent.inc(labels, carried.received)
      }
      if (refusal) refused.inc({ direction, reason: refusalReason(refusal), policy: policyOf(record) })
      if (isPlaintextFromMesh(record)) plaintextFromMesh.inc()
    },
    wouldDeny: (_: ConnectionRecord, policy: string): void => wouldDeny.inc({ policy }),
  }
}

/** Plaintext whose source address is a meshed workload's: something there bypasses its sidecar. */
export function isPlaintextFromMesh({ direction, peer, source }: ConnectionRecord): boolean {
  return direction === 'inbound' && !peer && source.workload?.tunnel === 'hbone'
}

function policyOf({ refusal }: ConnectionRecord): string {
  if (refusal?.kind !== 'policy') return ''
  const { reason } = refusal
  switch (reason.kind) {
    case 'deny_matched':
      return reason.by.policy
    case 'policy_missing':
      return reason.policy
    case 'no_allow_matched':
      // Of several Allows none is to blame more than another; the log names them.
      return reason.policies.length === 1 ? reason.policies[0]! : ''
  }
}
