import type { RotationState } from './state.ts'

/** What is known of the mesh at a moment. */
export interface Facts<Root> {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Since when this process sees the mesh: who was away with it cannot be told from who is gone. */
  readonly watchedSince: number
  /** Names the newest request to rotate. */
  readonly request: string | undefined
  /** Whether the signing root is so near its end that it is replaced unasked. */
  readonly nearsEnd: boolean
  /** A root that somebody put in the place of the signing one. */
  readonly offered: Root | undefined
  /** Makes the next root where none is offered. */
  readonly makeRoot: () => Root
  /** Whether anything could sign under the next root. */
  readonly nextSigner: Prospect
  /** Whether certificates are signed under the signing root by now. */
  readonly issuing: boolean
  /** Where the newest bundle is still to be written, e.g. `ConfigMap shop/weft-trust-bundle`. */
  readonly unwritten: readonly string[]
  /** Since when it is nowhere, in this phase and as far as this process saw; undefined while it is somewhere. */
  readonly writtenSince: number | undefined
  /** The meshed pods that were there when the phase began, and still are. */
  readonly followers: readonly Follower[]
}

/** Whether something can sign under a root: at once, perhaps later, or no more since it was taken away. */
export type Prospect = 'ready' | 'awaited' | 'gone'

/** What is known of a meshed pod. Whoever is connected to no control plane has none of it. */
export interface Follower {
  /** `namespace/name`. */
  readonly name: string
  readonly connected: boolean
  /** It acknowledged the newest bundle. */
  readonly acknowledged: boolean
  /** It said that its own certificate is not under the old root. */
  readonly renewed: boolean
  /** It said that no live tunnel of its is under the old root. */
  readonly cleared: boolean
}

/** All in milliseconds. */
export interface RotationTiming {
  /** Least time in a phase: a file that the kubelet mounts is up to 90 s behind its ConfigMap. */
  readonly dwell: number
  /** Least time in which certificates are replaced; longer than clients spread their renewals over. */
  readonly reissue: number
  /** After so long the rotation goes on without those who cannot be reached. */
  readonly limit: number
  /** The life of a certificate, after which none under the old root is left. */
  readonly lifetime: number
  /** After so long the old root goes, whatever still hangs from it. */
  readonly grace: number
}

/** What a phase waits for, and who it is. */
export interface Wait {
  readonly kind: 'time' | 'issuer' | 'bundle' | 'acknowledgement' | 'renewal' | 'tunnels' | 'connection'
  /** Who or what, e.g. `shop/frontend`; none where it is time alone. */
  readonly names: readonly string[]
  /** When it is over at the latest, in milliseconds since 1970; undefined where it is not by time. */
  readonly until: number | undefined
}

export type Step<Root> =
  | {
      readonly kind: 'go'
      readonly to: RotationState<Root>
      readonly why: string
      /** Those that are not waited for any longer. */
      readonly leftBehind: readonly string[]
    }
  | { readonly kind: 'wait'; readonly waits: readonly Wait[] }

/** What comes next: another state, or what stands in its way. In `stable` nothing is waited for. */
export function advance<Root>(
  state: RotationState<Root>,
  facts: Facts<Root>,
  timing: RotationTiming,
): Step<Root> {
  switch (state.phase) {
    case 'stable':
      return begin(state, facts)
    case 'spreading': {
      const { signing: old, next: signing } = state
      if (facts.nextSigner === 'gone') return abandon(state, facts)
      return pass(spreading(state, facts, timing), facts, {
        to: { phase: 'reissuing', signing, old, ...passage(state, facts) },
        why: 'the next root is known everywhere',
      })
    }
    case 'reissuing': {
      const { signing, old } = state
      return pass(reissuing(state, facts, timing), facts, {
        to: { phase: 'retiring', signing, old, ...passage(state, facts) },
        why: 'no certificate is under the old root',
      })
    }
    case 'retiring': {
      const { signing } = state
      return pass(retiring(state, facts, timing), facts, {
        to: { phase: 'stable', signing, ...passage(state, facts) },
        why: 'no tunnel is under the old root',
      })
    }
  }
}

function begin<Root>(
  state: RotationState<Root> & { readonly phase: 'stable' },
  facts: Facts<Root>,
): Step<Root> {
  const why = reasonToBegin(state, facts)
  if (why === undefined) return { kind: 'wait', waits: [] }
  const next = facts.offered ?? facts.makeRoot()
  const to = { phase: 'spreading', signing: state.signing, next, ...passage(state, facts) } as const
  return { kind: 'go', to, why, leftBehind: [] }
}

function reasonToBegin<Root>(
  { handled }: RotationState<Root>,
  { offered, request, nearsEnd }: Facts<Root>,
): string | undefined {
  if (offered !== undefined) return 'another root was put in its place'
  if (request !== undefined && request !== handled) return `it was asked for at ${request}`
  return nearsEnd ? 'the root nears its end' : undefined
}

/** Nothing ever hung from the next root, so that nobody misses it. A request that came meanwhile is not answered. */
function abandon<Root>(
  { signing, handled }: RotationState<Root> & { readonly phase: 'spreading' },
  { now }: Facts<Root>,
): Step<Root> {
  const to = { phase: 'stable', signing, since: now, handled } as const
  return { kind: 'go', to, why: 'nothing is plugged in under the next root any more', leftBehind: [] }
}

/** A request that came while a rotation was under way is answered by that one. */
function passage<Root>({ handled }: RotationState<Root>, { now, request }: Facts<Root>) {
  return { since: now, handled: request ?? handled }
}

function spreading<Root>({ since }: RotationState<Root>, facts: Facts<Root>, timing: RotationTiming): Wait[] {
  const until = Math.max(since, facts.watchedSince) + timing.limit
  const behind = facts.followers.filter(({ acknowledged }) => !acknowledged)
  const [here, away] = [true, false].map((where) => behind.filter(({ connected }) => connected === where))
  // Files follow what is written, not what is decided. Where something new is always to be written, that ends as well.
  const written = Math.min(Math.max(since, facts.writtenSince ?? since), until)
  return [
    ...issuer(facts.nextSigner === 'ready'),
    ...time(written + timing.dwell),
    ...waitFor('bundle', facts.unwritten, until),
    // Whoever is here and takes no bundle from its stream, as a ztunnel, learns roots with its next certificate.
    ...waitFor('acknowledgement', here!.map(nameOf), Math.max(until, since + timing.lifetime)),
    ...waitFor('acknowledgement', away!.map(nameOf), until),
  ]
}

function reissuing<Root>({ since }: RotationState<Root>, facts: Facts<Root>, timing: RotationTiming): Wait[] {
  const holding = facts.followers.filter(({ renewed }) => !renewed)
  return [
    ...issuer(facts.issuing),
    ...time(since + timing.reissue),
    ...waitFor('renewal', holding.map(nameOf), since + Math.min(timing.lifetime, timing.grace)),
  ]
}

function retiring<Root>({ since }: RotationState<Root>, facts: Facts<Root>, timing: RotationTiming): Wait[] {
  const unclear = facts.followers.filter(({ cleared }) => !cleared)
  const [here, away] = [true, false].map((where) => unclear.filter(({ connected }) => connected === where))
  // What two pods that are both away have between them no bundle cuts; the other end of all else is here.
  const patience = Math.max(since, facts.watchedSince) + timing.limit
  return [
    ...time(since + timing.dwell),
    ...waitFor('tunnels', here!.map(nameOf), since + timing.grace),
    ...waitFor('connection', away!.map(nameOf), Math.min(patience, since + timing.grace)),
  ]
}

/** However long that takes. */
function issuer(there: boolean): Wait[] {
  return there ? [] : [{ kind: 'issuer', names: [], until: undefined }]
}

function time(until: number): Wait[] {
  return [{ kind: 'time', names: [], until }]
}

function waitFor(kind: Wait['kind'], names: readonly string[], until: number): Wait[] {
  return names.length === 0 ? [] : [{ kind, names, until }]
}

function nameOf({ name }: Follower): string {
  return name
}

function pass<Root>(
  waits: readonly Wait[],
  { now }: Facts<Root>,
  next: { readonly to: RotationState<Root>; readonly why: string },
): Step<Root> {
  const pending = waits.filter(({ until }) => until === undefined || until > now)
  if (pending.length > 0) return { kind: 'wait', waits: pending }
  const leftBehind = waits.flatMap(({ names }) => names)
  const why = leftBehind.length === 0 ? next.why : 'it was waited for long enough'
  return { kind: 'go', ...next, why, leftBehind }
}
