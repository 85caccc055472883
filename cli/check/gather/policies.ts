import type { Connection } from '../../kubernetes/connection.ts'
import { mapSeen, type Seen, seen } from '../../kubernetes/seen.ts'
import type { PolicyFacts } from '../facts.ts'

interface PolicyObject {
  readonly kind?: string
  readonly metadata: { readonly namespace?: string; readonly name: string; readonly generation?: number }
  readonly spec?: { readonly mode?: string; readonly action?: string; readonly dryRun?: boolean }
  readonly status?: {
    readonly workloads?: number
    readonly conditions?: readonly {
      readonly type: string
      readonly status: string
      readonly message?: string
      readonly observedGeneration?: number
    }[]
  }
}

const collections = {
  AuthorizationPolicy: 'authorizationpolicies',
  PeerAuthentication: 'peerauthentications',
} as const

/** Every policy, and what the control plane makes of it. */
export async function gatherPolicies(connection: Connection): Promise<Seen<readonly PolicyFacts[]>> {
  const lists = await Promise.all(
    Object.entries(collections).map(async ([kind, plural]) => {
      const list = await connection.list<PolicyObject>(`/apis/weft.dev/v1alpha1/${plural}`)
      return mapSeen(list, (policies) => policies.map((policy) => policyFacts(kind, policy)))
    }),
  )
  const hidden = lists.find((list) => list.kind === 'hidden')
  return hidden ?? seen(lists.flatMap((list) => (list.kind === 'seen' ? list.value : [])))
}

export function policyFacts(kind: string, { metadata, spec = {}, status }: PolicyObject): PolicyFacts {
  const { namespace = '', name, generation = 0 } = metadata
  const judged = status?.conditions?.find(({ type }) => type === 'Accepted')
  return {
    kind,
    namespace,
    name,
    says: `${spec.mode ?? spec.action ?? 'Allow'}${spec.dryRun === true ? ', dry run' : ''}`,
    workloads: status?.workloads,
    // What was said of an older version says nothing of this one.
    accepted:
      judged && (judged.observedGeneration ?? 0) >= generation
        ? { status: judged.status, message: judged.message ?? '' }
        : undefined,
  }
}
