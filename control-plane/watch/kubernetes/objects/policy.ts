import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

/** A policy as its author wrote it, not judged yet. */
export interface PolicyObject extends Kept {
  readonly kind: PolicyKind
  /** Counts its author's changes. */
  readonly generation: number
  readonly spec: unknown
  readonly conditions: readonly Condition[]
  /** How many workloads its status says it holds on. */
  readonly workloads: number | undefined
}

export type PolicyKind = 'PeerAuthentication' | 'AuthorizationPolicy'

/** One of `status.conditions`, as far as it says something. */
export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
  readonly observedGeneration: number
  readonly lastTransitionTime: string
}

/** The part of its path that names a kind of policy. */
export const policyCollections: Readonly<Record<PolicyKind, string>> = {
  PeerAuthentication: 'peerauthentications',
  AuthorizationPolicy: 'authorizationpolicies',
}

export const policyApi = '/apis/weft.dev/v1alpha1'

export const peerAuthentications = policies('PeerAuthentication')
export const authorizationPolicies = policies('AuthorizationPolicy')

function policies(kind: PolicyKind): Kind<PolicyObject> {
  const name = policyCollections[kind]
  return {
    name,
    path: `${policyApi}/${name}`,
    optional: true,
    trim(object) {
      const { metadata, spec, status } = object as RawPolicy
      return {
        ...kept(object),
        kind,
        generation: metadata.generation ?? 0,
        spec: spec ?? {},
        conditions: status?.conditions ?? [],
        workloads: status?.workloads,
      }
    },
  }
}

interface RawPolicy extends RawObject {
  readonly metadata: RawObject['metadata'] & { readonly generation?: number }
  readonly spec?: unknown
  readonly status?: { readonly conditions?: readonly Condition[]; readonly workloads?: number }
}
