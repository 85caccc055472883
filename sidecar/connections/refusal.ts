import type { IpAddress } from '#mesh/address.ts'
import type { DenialReason } from '#mesh/policy/decision.ts'
import { describeDenial } from '#mesh/policy/explain.ts'
import { peerAuthenticationOf } from '#mesh/policy/strict.ts'
import { describeRefusal as describeRouteRefusal, type RouteRefusal } from '#mesh/route.ts'
import { formatSpiffeId, type SpiffeId } from '#mesh/spiffe-id.ts'
import { ConnectError, type ConnectFailure } from '../proxy/connect-error.ts'

/** Why the mesh refused a connection, or cut a live one. The closed list of all such reasons. */
export type Refusal =
  | { readonly kind: 'not_redirected'; readonly detail: string }
  | { readonly kind: 'not_my_address'; readonly ip: IpAddress }
  | { readonly kind: 'forbidden_port'; readonly port: number }
  | { readonly kind: 'bad_authority'; readonly authority: string }
  | { readonly kind: 'not_ready'; readonly missing: string }
  | { readonly kind: 'route'; readonly reason: RouteRefusal }
  | { readonly kind: 'policy'; readonly reason: DenialReason }
  | { readonly kind: 'plaintext_from_mesh'; readonly claimed: SpiffeId }
  | { readonly kind: 'upstream'; readonly failure: ConnectFailure; readonly message: string }
  | { readonly kind: 'route_changed' }
  | { readonly kind: 'peer_gone'; readonly identity: SpiffeId }
  | { readonly kind: 'peer_untrusted'; readonly identity: SpiffeId }
  | { readonly kind: 'peer_revoked'; readonly identity: SpiffeId; readonly serial: string }
  | { readonly kind: 'connection_limit'; readonly direction: 'inbound' | 'outbound'; readonly limit: number }
  | { readonly kind: 'descriptor_limit'; readonly limit: number }
  /** Slow readers fill the process's buffers; both in bytes. */
  | { readonly kind: 'overloaded'; readonly held: number; readonly limit: number }
  | { readonly kind: 'drained' }

/** The word that metrics and log lines count a refusal by. */
export function refusalReason(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'route':
      return refusal.reason.kind
    case 'policy': {
      const { reason } = refusal
      // Strict refuses whoever proves no identity, and that is what an operator looks for.
      const strict = reason.kind === 'deny_matched' && peerAuthenticationOf(reason.by.policy) !== undefined
      return strict ? 'plaintext_denied' : reason.kind
    }
    case 'upstream':
      return refusal.failure
    default:
      return refusal.kind
  }
}

/** One sentence for an operator. */
export function describeRefusal(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'not_redirected':
      return refusal.detail
    case 'not_my_address':
      return `${refusal.ip} is not an address of this pod, which relays for nobody`
    case 'forbidden_port':
      return `port ${refusal.port} is the sidecar's own`
    case 'bad_authority':
      return `the authority "${refusal.authority}" is no ip:port`
    case 'not_ready':
      return `the sidecar still waits for ${refusal.missing}`
    case 'route':
      return describeRouteRefusal(refusal.reason)
    case 'policy':
      return describeDenial(refusal.reason)
    case 'plaintext_from_mesh':
      return `plaintext from the address of ${formatSpiffeId(refusal.claimed)}, which is meshed`
    case 'upstream':
      return refusal.message
    case 'route_changed':
      return 'the destination is no longer what it was when the connection was made'
    case 'peer_gone':
      return `no workload of ${formatSpiffeId(refusal.identity)} has the peer's address any more`
    case 'peer_untrusted':
      return `the root that ${formatSpiffeId(refusal.identity)} proved itself by is no longer trusted`
    case 'peer_revoked':
      return `certificate ${refusal.serial} of ${formatSpiffeId(refusal.identity)} is revoked`
    case 'connection_limit':
      return `this sidecar carries ${refusal.limit} ${refusal.direction} connections already; raise WEFT_MAX_${refusal.direction.toUpperCase()}_CONNECTIONS if it should carry more`
    case 'descriptor_limit':
      return `connections take the ${refusal.limit} file descriptors that they may; raise the limit of open files (ulimit -n) of this sidecar`
    case 'overloaded':
      return `slow readers keep ${mebi(refusal.held)} MiB of ${mebi(refusal.limit)} MiB of buffers full; raise WEFT_BUFFER_BUDGET if it may use more`
    case 'drained':
      return 'the sidecar ended before the connection did'
  }
}

function mebi(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1)
}

/** A refusal as the reason of an abort. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(describeRefusal(refusal))
    this.refusal = refusal
  }
}

/** What a failed attempt to reach the other end is told as. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusedError) return error.refusal
  if (error instanceof ConnectError)
    return { kind: 'upstream', failure: error.failure, message: error.message }
  const message = error instanceof Error ? error.message : String(error)
  return { kind: 'upstream', failure: 'failed', message }
}
