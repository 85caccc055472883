import type { Cidr } from '../address.ts'

/** A compiled policy, as it travels to the workloads that it holds on (`istio.security.Authorization`). */
export interface Authorization {
  /** `namespace/name`. */
  readonly key: string
  readonly name: string
  readonly namespace: string
  readonly scope: 'global' | 'namespace' | 'workload'
  readonly action: 'allow' | 'deny'
  /** ORed. An ALLOW without rules admits nobody. */
  readonly rules: readonly Rule[]
  /** Records what it would deny, and denies nothing. */
  readonly dryRun: boolean
}

/** ANDed clauses. */
export interface Rule {
  readonly clauses: readonly Clause[]
}

/** ORed matches. */
export interface Clause {
  readonly matches: readonly Match[]
}

/** ANDed fields, each an OR of its values; an empty field says nothing, an entirely empty match matches nothing. */
export interface Match {
  readonly principals: readonly StringMatch[]
  readonly notPrincipals: readonly StringMatch[]
  readonly namespaces: readonly StringMatch[]
  readonly notNamespaces: readonly StringMatch[]
  readonly serviceAccounts: readonly ServiceAccountMatch[]
  readonly notServiceAccounts: readonly ServiceAccountMatch[]
  readonly sourceIps: readonly Cidr[]
  readonly notSourceIps: readonly Cidr[]
  readonly destinationIps: readonly Cidr[]
  readonly notDestinationIps: readonly Cidr[]
  readonly destinationPorts: readonly number[]
  readonly notDestinationPorts: readonly number[]
}

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'suffix'; readonly value: string }
  | { readonly kind: 'presence' }

export interface ServiceAccountMatch {
  readonly namespace: string
  readonly serviceAccount: string
}

export const emptyMatch: Match = Object.freeze({
  principals: [],
  notPrincipals: [],
  namespaces: [],
  notNamespaces: [],
  serviceAccounts: [],
  notServiceAccounts: [],
  sourceIps: [],
  notSourceIps: [],
  destinationIps: [],
  notDestinationIps: [],
  destinationPorts: [],
  notDestinationPorts: [],
})
