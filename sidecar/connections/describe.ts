import { formatSocketAddress } from '#mesh/address.ts'
import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import type { Workload } from '#mesh/workload.ts'
import { isPlaintextFromMesh } from './metrics.ts'
import type { ConnectionRecord } from './record.ts'
import { describeRefusal, refusalReason } from './refusal.ts'

/** A connection as the access log and the admin endpoint tell it. Undefined fields are left out of JSON. */
export function describeConnection(record: ConnectionRecord) {
  const { source, destination, endpoint, peer, refusal, outcome, carried, allowedBy } = record
  return {
    id: record.id,
    direction: record.direction,
    outcome: refusal && !outcome ? 'refused' : (outcome?.kind ?? 'open'),
    reason: refusal && refusalReason(refusal),
    detail: refusal
      ? describeRefusal(refusal)
      : outcome?.kind === 'aborted'
        ? outcome.cause.message
        : undefined,
    source: source.port === undefined ? source.ip : formatSocketAddress({ ip: source.ip, port: source.port }),
    sourceWorkload: nameOf(source.workload),
    destination: destination && formatSocketAddress(destination),
    service: record.service?.key,
    endpoint: endpoint && formatSocketAddress(endpoint),
    destinationWorkload: nameOf(record.destinationWorkload),
    security: peer ? 'mutual_tls' : 'none',
    peer: peer && formatSpiffeId(peer),
    peerSerial: record.peerSerial,
    keyExchange: record.keyExchange,
    plaintextFromMesh: isPlaintextFromMesh(record) || undefined,
    allowedBy,
    deniedBy:
      refusal?.kind === 'policy' && refusal.reason.kind === 'deny_matched' ? refusal.reason.by : undefined,
    wouldDeny: record.wouldDeny.length > 0 ? record.wouldDeny : undefined,
    sentBytes: carried.sent,
    receivedBytes: carried.received,
    connectMs: record.connectMs,
    durationMs: Math.round(record.ageMs),
  }
}

function nameOf(workload: Workload | undefined): string | undefined {
  return workload && `${workload.namespace}/${workload.name}`
}
