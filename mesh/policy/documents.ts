import type { Cidr } from '../address.ts'
import type { ServiceAccountMatch, StringMatch } from './authorization.ts'

/** A policy as its author wrote it, parsed: what a YAML file or a custom resource holds. */
export type PolicyDocument = PeerAuthentication | AuthorizationPolicy

/** Who must prove an identity to connect. */
export interface PeerAuthentication extends Holds {
  readonly kind: 'PeerAuthentication'
  readonly mode: PeerMode
  /** Exceptions by the application's port. */
  readonly ports: ReadonlyMap<number, PeerMode>
}

/** Strict refuses plaintext; permissive lets it pass, without an identity. */
export type PeerMode = 'Strict' | 'Permissive'

/** Who may connect, among those that PeerAuthentication lets in. */
export interface AuthorizationPolicy extends Holds {
  readonly kind: 'AuthorizationPolicy'
  readonly action: 'Allow' | 'Deny'
  /** Records what it would deny, and denies nothing. */
  readonly dryRun: boolean
  /** ORed. An Allow without rules admits nobody. */
  readonly rules: readonly PolicyRuleDocument[]
}

/** Where a policy holds: in its own namespace, or in the whole mesh when that is the root namespace. */
export interface Holds {
  readonly name: string
  readonly namespace: string
  /** Narrows it to the workloads that carry all of these labels. */
  readonly selector: Labels | undefined
}

export type Labels = Readonly<Record<string, string>>

/** `from` and `to` are ANDed; an empty one means anybody, or anything. */
export interface PolicyRuleDocument {
  /** ORed. */
  readonly from: readonly Source[]
  /** ORed. */
  readonly to: readonly Operation[]
}

/** ANDed fields, each an OR of its values; an empty field says nothing. At least one says something. */
export interface Source {
  readonly principals: readonly StringMatch[]
  readonly notPrincipals: readonly StringMatch[]
  readonly namespaces: readonly StringMatch[]
  readonly notNamespaces: readonly StringMatch[]
  readonly serviceAccounts: readonly ServiceAccountMatch[]
  readonly notServiceAccounts: readonly ServiceAccountMatch[]
  readonly ipBlocks: readonly Cidr[]
  readonly notIpBlocks: readonly Cidr[]
}

/** The ports that the application listens on; 1 to 65535. At least one field says something. */
export interface Operation {
  readonly ports: readonly number[]
  readonly notPorts: readonly number[]
}
