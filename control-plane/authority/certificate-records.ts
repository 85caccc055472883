import { randomBytes } from 'node:crypto'
import type { StatusObject, status } from '@grpc/grpc-js'
import { formatSpiffeId, type SpiffeId } from '#mesh/spiffe-id.ts'
import type { Log } from '#runtime/log.ts'
import type { Issued } from './issue.ts'
import type { AuthorityMetrics } from './metrics.ts'
import type { Caller } from './tokens.ts'

/** Where every certificate, issued or refused, leaves its trace. No token and no key is ever written. */
export interface CertificateRecords {
  readonly log: Log
  readonly metrics: AuthorityMetrics
}

export interface Refusal {
  readonly kind: 'refused'
  /** A metric's label. */
  readonly reason: string
  /** For the log. */
  readonly detail: string
  readonly code: status
  /** What the caller is told. */
  readonly message: string
  /** The log has it already. */
  readonly told?: boolean
  /** Known once the token was accepted. */
  readonly caller?: Caller
}

export interface Issuance {
  readonly issued: Issued
  readonly caller: Caller
  readonly identity: SpiffeId
  readonly peer: string
}

/** The audit record of a certificate. */
export function recordIssued({ log, metrics }: CertificateRecords, issuance: Issuance): void {
  const { issued, caller, identity, peer } = issuance
  metrics.issued.inc()
  log.info('certificate issued', {
    serial: issued.certificate.serialNumber.toLowerCase(),
    identity: formatSpiffeId(identity),
    pod: `${caller.namespace}/${caller.podName}`,
    podUid: caller.podUid,
    notAfter: new Date(issued.notAfter).toISOString(),
    peer,
  })
}

/** Logs a refusal in full and answers what the caller is told, with a reference that leads to the log line. */
export function recordRefused(
  { log, metrics }: CertificateRecords,
  { reason, detail, code, message, caller, told = false }: Refusal,
  peer: string,
): Pick<StatusObject, 'code' | 'details'> {
  metrics.refused.inc({ reason })
  if (told) return { code, details: message }
  const reference = randomBytes(4).toString('hex')
  log.warn('certificate refused', { reason, detail, reference, peer, ...caller })
  return { code, details: `${message} (reference ${reference})` }
}
