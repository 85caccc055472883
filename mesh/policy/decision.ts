import type { IpAddress, SocketAddress } from '../address.ts'
import type { SpiffeId } from '../spiffe-id.ts'

declare const brand: unique symbol

/** What a policy judges: proven facts only, nothing that a peer merely said. */
export interface ConnectionFacts {
  /** The identity that the peer proved with its certificate; undefined for plaintext. */
  readonly peer: SpiffeId | undefined
  /** The TCP peer's address, never one from a header. */
  readonly sourceIp: IpAddress
  readonly destination: SocketAddress
}

/** Which policy and which of its rules (counted from 0) decided. */
export interface PolicyRule {
  readonly policy: string
  readonly rule: number
}

/** Leave to reach the application. Whatever dials it asks for one, so an unauthorized path does not type-check. */
export interface Permit {
  readonly kind: 'permit'
  /** The ALLOW that matched; undefined when no ALLOW policy holds on the workload. */
  readonly by: PolicyRule | undefined
  /** Dry-run policies that would have denied. */
  readonly wouldDeny: readonly DenialReason[]
  readonly [brand]: 'Permit'
}

export interface Denial {
  readonly kind: 'denial'
  readonly reason: DenialReason
}

export type DenialReason =
  | { readonly kind: 'deny_matched'; readonly by: PolicyRule }
  /** ALLOW policies hold on the workload, and none of them matches. */
  | { readonly kind: 'no_allow_matched'; readonly policies: readonly string[] }
  /** The workload names a policy that has not arrived: closed until it does. */
  | { readonly kind: 'policy_missing'; readonly policy: string }

export type Decision = Permit | Denial
