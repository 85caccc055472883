import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import type {
  IstioCertificateRequest,
  IstioCertificateResponse,
  IstioCertificateServiceServer,
} from '#proto/istio/v1/auth/ca.ts'
import type { Authenticate, IncomingCall } from './bearer.ts'
import type { Signer } from './certificate.ts'
import { type CertificateRecords, type Refusal, recordIssued, recordRefused } from './certificate-records.ts'
import { parseCsr } from './csr.ts'
import { type Issued, issue } from './issue.ts'
import type { RateLimit } from './rate-limit.ts'
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

export interface CertificateLimits {
  /** By pod UID, so that one pod cannot use up what its siblings need. */
  readonly perPod: RateLimit
  /** By namespace and service account. */
  readonly perIdentity: RateLimit
}

/** What makes sure that every certificate can be taken back. */
export interface Revocable {
  readonly ledger: SerialLedger
  readonly isRevoked: (podUid: string) => boolean
}

/** `IstioCertificateService`: the token says who calls, the request only which key the caller holds. */
export function certificateService(options: CertificateServiceOptions): IstioCertificateServiceServer {
  const createCertificate = async (call: CertificateCall, callback: CertificateCallback): Promise<void> => {
    const decision = await decide(call, call.request, options)
    const peer = call.getPeer()
    if (decision.kind === 'refused') return callback(recordRefused(options.records, decision, peer))
    recordIssued(options.records, { ...decision, peer })
    // All roots are one entry, the last: that is where clients of this API look for whom to trust.
    return callback(null, { certChain: [...decision.issued.chain, options.roots().join('')] })
  }
  return { createCertificate: (call, callback) => void createCertificate(call, callback) }
}

type CertificateCall = ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>
type CertificateCallback = sendUnaryData<IstioCertificateResponse>

type Decision =
  | { readonly kind: 'issued'; readonly issued: Issued; readonly caller: Caller; readonly identity: SpiffeId }
  | Refusal

async function decide(
  call: IncomingCall,
  request: IstioCertificateRequest,
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

function withinLimits({ namespace, serviceAccount, podUid }: Caller, limits: CertificateLimits): boolean {
  return limits.perPod.take(podUid) && limits.perIdentity.take(`${namespace}/${serviceAccount}`)
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
