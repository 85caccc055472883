import {
  type ServiceDefinition,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import {
  IstioCertificateRequest,
  type IstioCertificateResponse,
  IstioCertificateServiceService,
} from '#proto/istio/v1/auth/ca.ts'
import { closeOnceAnswered } from '../http2-stream.ts'
import type { Authenticate } from './bearer.ts'
import type { Signer } from './certificate.ts'
import { type CertificateRecords, type Refusal, recordIssued, recordRefused } from './certificate-records.ts'
import { parseCsr } from './csr.ts'
import { type Issued, issue } from './issue.ts'
import { type CertificateLimits, withinLimits } from './limits.ts'
import { type CertificateCall, mostBytes, type ReadRequest, RequestReader } from './read-request.ts'
import type { LiveSerials } from './serials/live-serials.ts'
import type { SerialLedger } from './serials/serial-ledger.ts'
import type { SurplusKeys } from './serials/surplus-keys.ts'
import type { Caller } from './tokens.ts'

export interface CertificateServiceOptions {
  readonly authenticate: Authenticate
  readonly identityOf: (caller: Caller) => SpiffeId | undefined
  /** Names beside the identity that the caller may serve under. */
  readonly dnsNamesOf: (caller: Caller) => readonly string[]
  /** Milliseconds: what a caller gets that asks for nothing, and the most that one gets. */
  readonly lifetime: number
  readonly issuer: () => Signer
  /** PEM, one certificate an entry. */
  readonly roots: () => readonly string[]
  readonly limits: CertificateLimits
  readonly revocable: Revocable
  readonly surplus: SurplusKeys
  readonly live: LiveSerials
  readonly records: CertificateRecords
  readonly now: () => number
}

/**
 * The service as published, with requests left encoded. A call is handled from its headers on, as one whose requests are
 * a stream: else grpc-js takes in the whole message before anybody asks who sends it.
 */
export const certificateServiceDefinition: ServiceDefinition = {
  createCertificate: {
    ...IstioCertificateServiceService.createCertificate,
    requestStream: true,
    requestDeserialize: (bytes: Buffer) => bytes,
  },
}

/** What makes sure that every certificate can be taken back. */
export interface Revocable {
  readonly ledger: SerialLedger
  readonly isRevoked: (podUid: string) => boolean
}

/** `IstioCertificateService`: the token says who calls, the request only which key the caller holds. */
export function certificateService(options: CertificateServiceOptions): UntypedServiceImplementation {
  const requests = new RequestReader()
  const createCertificate = async (call: CertificateCall, callback: CertificateCallback): Promise<void> => {
    closeOnceAnswered(call)
    const peer = call.getPeer()
    const decision = await decide(call, requests, options)
    if (decision.kind === 'refused') return callback(recordRefused(options.records, decision, peer))
    recordIssued(options.records, { ...decision, peer })
    // All roots are one entry, the last: that is where clients of this API look for whom to trust.
    return callback(null, { certChain: [...decision.issued.chain, options.roots().join('')] })
  }
  return {
    createCertificate: (call: CertificateCall, callback: CertificateCallback) =>
      void createCertificate(call, callback),
  }
}

type CertificateCallback = sendUnaryData<IstioCertificateResponse>

type Decision =
  | { readonly kind: 'issued'; readonly issued: Issued; readonly caller: Caller; readonly identity: SpiffeId }
  | Refusal

async function decide(
  call: CertificateCall,
  requests: RequestReader,
  options: CertificateServiceOptions,
): Promise<Decision> {
  const authentication = await options.authenticate(call)
  if (authentication.kind === 'refused') return authentication
  const { caller } = authentication
  const identity = options.identityOf(caller)
  if (!identity) {
    return { ...notPermitted, detail: 'its namespace or service account is no valid name', caller }
  }
  if (!withinLimits(caller, options.limits)) return { ...tooMany, detail: 'the bucket is empty', caller }
  if (options.live.isFull(caller.podUid)) {
    return { ...tooManyLive, detail: 'the pod has as many as it may', caller }
  }
  const request = decodeRequest(await requests.read(call, caller.podUid))
  if ('kind' in request) return { ...request, caller }
  const csr = parseCsr(request.csr)
  if (csr.kind === 'refused') {
    return { ...badRequest, reason: `csr_${csr.problem}`, detail: csr.detail, caller }
  }
  const lifetime = lifetimeFor(request.validityDuration, options.lifetime)
  if (lifetime === undefined) return { ...badValidity, detail: `${request.validityDuration} seconds`, caller }
  let issued: Issued
  try {
    issued = issue(
      {
        identity,
        publicKey: csr.publicKey,
        lifetime,
        now: options.now(),
        dnsNames: options.dnsNamesOf(caller),
      },
      options.issuer(),
    )
  } catch (error) {
    return { ...notNow, detail: messageOf(error), caller }
  }
  const refusal = await keep(issued, caller, options)
  return refusal ?? { kind: 'issued', issued, caller, identity }
}

function decodeRequest(read: ReadRequest): IstioCertificateRequest | Refusal {
  if (read.kind !== 'read') return unread[read.kind]
  try {
    return IstioCertificateRequest.decode(read.message)
  } catch (error) {
    return { ...badRequest, reason: 'malformed_request', detail: messageOf(error) }
  }
}

/** Has the serial kept before the certificate is given out; a refusal when that must not be. */
async function keep(
  { certificate, notAfter }: Issued,
  caller: Caller,
  { revocable, surplus, live }: CertificateServiceOptions,
): Promise<Refusal | undefined> {
  const { podUid } = caller
  const serial = certificate.serialNumber.toLowerCase()
  try {
    const serials = await revocable.ledger.record({ podUid, serial, notAfter })
    surplus.look(caller, serials)
    live.look(podUid, serials)
  } catch (error) {
    return { ...notKept, detail: messageOf(error), caller }
  }
  // It may have been revoked meanwhile, with a list that does not have this serial.
  return revocable.isRevoked(podUid) ? { ...revoked, detail: 'it was revoked meanwhile', caller } : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Milliseconds; undefined when the caller asks for less than nothing. */
function lifetimeFor(seconds: number, most: number): number | undefined {
  if (seconds < 0) return undefined
  return seconds === 0 ? most : Math.min(seconds * 1_000, most)
}

const notPermitted = {
  kind: 'refused',
  reason: 'no_identity',
  code: status.PERMISSION_DENIED,
  message: 'the caller has no identity in this mesh',
} as const

const tooMany = {
  kind: 'refused',
  reason: 'rate_limited',
  code: status.RESOURCE_EXHAUSTED,
  message: 'too many certificate requests: wait, then try again',
} as const

const tooManyLive = {
  kind: 'refused',
  reason: 'too_many_live',
  code: status.RESOURCE_EXHAUSTED,
  message: 'too many certificates of this pod are still good: wait until some expire',
} as const

const badRequest = {
  kind: 'refused',
  code: status.INVALID_ARGUMENT,
  message: 'the certificate request was not accepted',
} as const

const unread = {
  too_large: {
    ...badRequest,
    reason: 'request_too_large',
    code: status.RESOURCE_EXHAUSTED,
    detail: `it has more than ${mostBytes} bytes`,
  },
  too_slow: {
    ...badRequest,
    reason: 'request_too_slow',
    code: status.DEADLINE_EXCEEDED,
    detail: 'it was not whole in time',
  },
  missing: {
    ...badRequest,
    reason: 'missing_request',
    detail: 'the call ended before its request was whole',
  },
} as const

const badValidity = {
  kind: 'refused',
  reason: 'validity',
  code: status.INVALID_ARGUMENT,
  message: 'validity_duration is negative: write seconds, or 0 for the default',
} as const

const revoked = {
  kind: 'refused',
  reason: 'pod_revoked',
  code: status.UNAUTHENTICATED,
  message: 'the caller gets no certificate',
} as const

const notKept = {
  kind: 'refused',
  reason: 'not_recorded',
  code: status.UNAVAILABLE,
  message: 'no certificate can be issued now: try again',
} as const

const notNow = {
  kind: 'refused',
  reason: 'internal',
  code: status.UNAVAILABLE,
  message: 'no certificate can be issued now: try again',
} as const
