import type { Named, RootStatus, RotationStatus } from '#mesh/rotation-status.ts'
import { fingerprint, type Root } from '../root.ts'
import type { Follower, RotationTiming, Wait } from './advance.ts'
import { type RotationState, trustedRoots } from './state.ts'

export interface Standpoint {
  readonly state: RotationState<Root>
  readonly waits: readonly Wait[]
  readonly followers: readonly Follower[]
  readonly leftBehind: readonly string[]
  /** Milliseconds since 1970. */
  readonly ends: { readonly issuer: number; readonly serving: number }
  readonly timing: RotationTiming
}

/** Names told of each thing that is waited for; there may be thousands. */
const mostNames = 5

/** What operators are told. */
export function describeRotation(standpoint: Standpoint): RotationStatus {
  const { state, waits, followers, leftBehind, ends, timing } = standpoint
  const { phase, since, handled } = state
  return {
    phase,
    since: time(since),
    ...(handled !== undefined && { handled }),
    roots: trustedRoots(state).map((root) => rootStatus(root, state)),
    issuer: time(ends.issuer),
    serving: time(ends.serving),
    waits: waits.map(({ kind, names, until }) => {
      return { kind, ...some(names), ...(until !== undefined && { until: time(until) }) }
    }),
    ...(phase !== 'stable' && { followers: countsOf(followers) }),
    leftBehind: some(leftBehind),
    ...(phase === 'retiring' && { graceEnds: time(since + timing.grace) }),
  }
}

function rootStatus(root: Root, state: RotationState<Root>): RootStatus {
  const other = state.phase === 'spreading' ? 'next' : 'old'
  return {
    fingerprint: fingerprint(root),
    role: root === state.signing ? 'signing' : other,
    notAfter: time(root.certificate.validToDate.getTime()),
    ...(root.plugged && { plugged: true }),
  }
}

function countsOf(followers: readonly Follower[]) {
  const count = (counts: (follower: Follower) => boolean) => followers.filter(counts).length
  return {
    total: followers.length,
    connected: count(({ connected }) => connected),
    acknowledged: count(({ acknowledged }) => acknowledged),
    certificatesUnderOld: count(({ renewed }) => !renewed),
    tunnelsUnderOld: count(({ cleared }) => !cleared),
  }
}

function some(names: readonly string[]): Named {
  return { count: names.length, names: names.slice(0, mostNames) }
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
