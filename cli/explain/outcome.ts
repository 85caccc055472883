import type { SocketAddress } from '#mesh/address.ts'
import type { PolicyRule } from '#mesh/policy/decision.ts'
import type { Workload } from '#mesh/workload.ts'

/** What becomes of the connection at one place where it may end up. */
export interface Outcome {
  /** The endpoint, or what was dialled where it leads to none; undefined where there is nothing to dial. */
  readonly address: SocketAddress | undefined
  /** Who has that address, as far as the registry knows. */
  readonly workload: Workload | undefined
  readonly allowed: boolean
  /** How the bytes would travel. */
  readonly transport: Transport
  /** Why, as a clause. */
  readonly because: string
  /** The policy and rule that decided, where one did. */
  readonly by: PolicyRule | undefined
  /** Any one of them turns the answer round, or says what then still stands in the way. */
  readonly changes: readonly string[]
  /** What would deny it if the dry-run policies were enforced as well. */
  readonly wouldDeny: readonly string[]
}

export type Transport = 'mutual_tls' | 'plaintext' | 'within_pod' | 'none'

export function describeTransport(transport: Transport): string {
  switch (transport) {
    case 'mutual_tls':
      return 'mutual TLS'
    case 'plaintext':
      return 'plaintext'
    case 'within_pod':
      return 'within the pod'
    case 'none':
      return 'none'
  }
}
