import { formatSocketAddress } from '#mesh/address.ts'
import { formatPolicy } from '#mesh/policy/format.ts'
import { formatSpiffeId } from '#mesh/spiffe-id.ts'
import type { Answer } from './explain.ts'
import { nameOf } from './names.ts'

/** An answer for programs. Undefined fields are left out of JSON. */
export function answerDocument({ source, destination, service, verdict, outcomes, notes }: Answer) {
  return {
    allowed: verdict === 'yes',
    verdict,
    source: {
      asked: source.asked,
      workload: source.workload && nameOf(source.workload),
      addresses: source.addresses,
      identity: source.meshed && source.workload ? formatSpiffeId(source.workload.identity) : undefined,
      meshed: source.meshed,
    },
    destination: {
      asked: destination.asked,
      addresses: destination.ips,
      port: destination.port,
      service: service?.key,
    },
    endpoints: outcomes.map((outcome) => ({
      address: outcome.address && formatSocketAddress(outcome.address),
      workload: outcome.workload && nameOf(outcome.workload),
      allowed: outcome.allowed,
      transport: outcome.transport,
      because: outcome.because,
      decidedBy: outcome.by && { policy: formatPolicy(outcome.by.policy), rule: outcome.by.rule },
      changes: outcome.changes,
      wouldDeny: outcome.wouldDeny,
    })),
    notes,
  }
}
