import { isDeepStrictEqual } from 'node:util'
import { type RotationStatus, rotationStatusKey } from '#mesh/rotation-status.ts'
import { Backoff } from '#runtime/backoff.ts'
import type { Log } from '#runtime/log.ts'
import type { Registry } from '#runtime/metrics.ts'
import type { Changing } from '../changing.ts'
import type { IdentityStatus } from '../revocation/identity-status.ts'
import { fingerprint, makeRoot, nearsEnd, type Root } from '../root.ts'
import { advance, type Facts, type Prospect, type RotationTiming, type Step } from './advance.ts'
import { type Client, followersOf, merge, type Standing, standingsOf } from './followers.ts'
import { type RotationMetrics, rotationMetrics } from './metrics.ts'
import type { Roots } from './roots.ts'
import { Siblings } from './siblings.ts'
import { oldRoot, type RotationState, trustedRoots } from './state.ts'
import { describeRotation } from './status.ts'

export interface RotationOptions {
  readonly roots: Roots
  readonly trustDomain: string
  readonly timing: RotationTiming
  /** Names the newest request to rotate. */
  readonly request: () => string | undefined
  /** Told of each change of that. */
  readonly asked: Pick<Changing<unknown>, 'subscribe'>
  readonly authority: {
    /** Whether certificates are signed under the root that is to sign. */
    readonly settled: boolean
    /** Whether anything could sign under another root. */
    prospect(root: Root): Prospect
    /** When the issuer and the serving certificate end, in milliseconds since 1970. */
    readonly ends: { readonly issuer: number; readonly serving: number }
  }
  /** Where the newest bundle is still to be written. */
  readonly unwritten: () => readonly string[]
  readonly audience: Audience
  readonly status: IdentityStatus
  /** The replica's own name, where there may be others. */
  readonly replica: string | undefined
  readonly log: Log
  readonly metrics: Registry
  /** Milliseconds since 1970; a port for tests. */
  readonly now?: () => number
}

/** Who is to follow the rotation. */
export interface Audience {
  /** The meshed pods by UID: `namespace/name`. */
  readonly pods: ReadonlyMap<string, string>
  /** Those that are connected to this process. */
  clients(): Iterable<Client>
}

/** Milliseconds between looks: nothing is urgent in a mesh that rests. */
const restingPause = 10_000
const longestPause = 1_000

/** Makes one step of the rotation after the other, as soon as the facts permit, and tells how it stands. */
export class Rotation {
  readonly #options: RotationOptions
  readonly #now: () => number
  readonly #watchedSince: number
  readonly #metrics: RotationMetrics
  readonly #ends: (() => void)[]
  readonly #backoff = new Backoff({ minimum: 1_000, maximum: 30_000 })
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #again = false
  #closed = false
  /** The pods that were there when this process first saw the phase: later ones never knew another state. */
  #awaited: { readonly of: string; readonly podUids: ReadonlySet<string> } | undefined
  /** When the bundle of the phase had been written everywhere. */
  #written: { readonly of: string; readonly since: number | undefined } | undefined
  #leftBehind: readonly string[] = []
  #told: RotationStatus | undefined
  readonly #siblings: Siblings | undefined

  constructor(options: RotationOptions) {
    this.#options = options
    const { status, replica: name } = options
    this.#siblings = name === undefined ? undefined : new Siblings({ status, name })
    this.#now = options.now ?? Date.now
    this.#watchedSince = this.#now()
    this.#metrics = rotationMetrics(options.metrics)
    const look = () => void this.look()
    const { asked, roots } = options
    this.#ends = [asked.subscribe(look), roots.state.subscribe(look), roots.offered.subscribe(look)]
    look()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    for (const end of this.#ends) end()
  }

  /** Looks whether a step is due, and makes it; happens by itself too. Never rejects. */
  look(): Promise<void> {
    this.#again = true
    this.#looking ??= this.#lookWhileNeeded().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookWhileNeeded(): Promise<void> {
    clearTimeout(this.#timer)
    let failed = false
    while (this.#again && !this.#closed) {
      this.#again = false
      failed = false
      await this.#look().catch((error: unknown) => {
        failed = true
        this.#options.log.error('the rotation could not be looked after; it is tried again', { error })
      })
    }
    if (!failed) this.#backoff.reset()
    const pause = failed ? this.#backoff.next() : this.#pause()
    if (!this.#closed) this.#timer = setTimeout(() => void this.look(), pause).unref()
  }

  async #look(): Promise<void> {
    const { roots, timing } = this.#options
    const state = roots.state.current
    this.#metrics.observe(state)
    const facts = this.#facts(state, await this.#standings(state))
    const step = advance(state, facts, timing)
    if (!roots.moving) return
    if (step.kind === 'go') await this.#go(state, step)
    else await this.#tell(state, facts, step)
  }

  async #go(from: RotationState<Root>, { to, why, leftBehind }: Step<Root> & { kind: 'go' }): Promise<void> {
    const { roots, log } = this.#options
    if (!(await roots.move(from, to))) return
    if (from.phase === 'stable') this.#leftBehind = []
    this.#leftBehind = [...new Set([...this.#leftBehind, ...leftBehind])]
    log.info('the rotation of the root goes on', {
      from: from.phase,
      phase: to.phase,
      why,
      roots: trustedRoots(to).map(fingerprint),
      ...(leftBehind.length > 0 && {
        leftBehind: leftBehind.slice(0, 20),
        leftBehindCount: leftBehind.length,
      }),
    })
  }

  async #tell(state: RotationState<Root>, facts: Facts<Root>, step: Step<Root> & { kind: 'wait' }) {
    const { authority, status, timing } = this.#options
    const { waits } = step
    const { followers } = facts
    const leftBehind = this.#leftBehind
    const told = describeRotation({ state, waits, followers, leftBehind, ends: authority.ends, timing })
    if (isDeepStrictEqual(told, this.#told)) return
    await status.write({ [rotationStatusKey]: JSON.stringify(told) })
    this.#told = told
  }

  #facts(state: RotationState<Root>, standings: ReadonlyMap<string, Standing>): Facts<Root> {
    const { roots, trustDomain, request, authority, unwritten } = this.#options
    const now = this.#now()
    const resting = state.phase === 'stable'
    const missing = resting ? [] : unwritten()
    return {
      now,
      watchedSince: this.#watchedSince,
      // Another one of somebody else's is not ours to make.
      request: state.signing.plugged ? state.handled : request(),
      nearsEnd: nearsEnd(state.signing, now),
      offered: roots.offered.current,
      makeRoot: () => makeRoot(trustDomain, now),
      nextSigner: state.phase === 'spreading' ? authority.prospect(state.next) : 'ready',
      issuing: authority.settled,
      unwritten: missing,
      writtenSince: this.#writtenSince(markOf(state), missing, now),
      followers: resting ? [] : followersOf(this.#awaitedPods(state), standings),
    }
  }

  /** What this process and its siblings know of the pods, by the root that is on its way out. */
  async #standings(state: RotationState<Root>): Promise<ReadonlyMap<string, Standing>> {
    const { audience, roots } = this.#options
    if (state.phase === 'stable') {
      await this.#siblings?.rest(roots.moving && this.#told?.phase !== 'stable')
      return new Map()
    }
    const old = oldRoot(state)
    const own = standingsOf(audience.clients(), old && fingerprint(old))
    if (!this.#siblings) return own
    const of = markOf(state)
    await this.#siblings.tell(of, own)
    return roots.moving ? merge([own, ...(await this.#siblings.hear(of))]) : own
  }

  #awaitedPods(state: RotationState<Root>): ReadonlyMap<string, string> {
    const { pods } = this.#options.audience
    const of = markOf(state)
    if (this.#awaited?.of !== of) this.#awaited = { of, podUids: new Set(pods.keys()) }
    const { podUids } = this.#awaited
    return new Map([...pods].filter(([podUid]) => podUids.has(podUid)))
  }

  #writtenSince(of: string, missing: readonly string[], now: number): number | undefined {
    const before = this.#written?.of === of ? this.#written.since : undefined
    const since = missing.length > 0 ? undefined : (before ?? now)
    this.#written = { of, since }
    return since
  }

  #pause(): number {
    const { roots, timing } = this.#options
    if (roots.state.current.phase === 'stable') return restingPause
    return Math.min(longestPause, Math.max(50, timing.dwell / 4))
  }
}

function markOf({ phase, since }: RotationState<unknown>): string {
  return `${phase} ${since}`
}
