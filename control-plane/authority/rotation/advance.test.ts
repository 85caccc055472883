import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  advance,
  type Facts,
  type Follower,
  type Prospect,
  type RotationTiming,
  type Step,
} from './advance.ts'
import { oldRoot, type RotationState, trustedRoots } from './state.ts'

const second = 1_000
const minute = 60 * second
const timing: RotationTiming = {
  dwell: 2 * minute,
  reissue: 8 * minute,
  limit: 60 * minute,
  lifetime: 24 * 60 * minute,
  grace: 7 * 24 * 60 * minute,
}
const start = Date.UTC(2026, 10, 28, 12)

function facts(known: Partial<Facts<string>> = {}): Facts<string> {
  return {
    now: start,
    watchedSince: start,
    request: undefined,
    nearsEnd: false,
    offered: undefined,
    makeRoot: () => 'new',
    nextSigner: 'ready',
    issuing: true,
    unwritten: [],
    writtenSince: undefined,
    followers: [],
    ...known,
  }
}

function follower(name: string, known: Partial<Follower> = {}): Follower {
  return { name, connected: true, acknowledged: true, renewed: true, cleared: true, ...known }
}

const passage = { since: start, handled: undefined }
const stable = { phase: 'stable', signing: 'a', ...passage } as const
const spreading: RotationState<string> = { phase: 'spreading', signing: 'a', next: 'b', ...passage }
const reissuing: RotationState<string> = { phase: 'reissuing', signing: 'b', old: 'a', ...passage }
const retiring: RotationState<string> = { phase: 'retiring', signing: 'b', old: 'a', ...passage }

describe('a stable mesh', () => {
  test('stays so until somebody asks', () => {
    expect(advance(stable, facts(), timing)).toEqual({ kind: 'wait', waits: [] })
  })

  test.each<[string, Partial<Facts<string>>, string, string]>([
    ['a request', { request: '2026-11-28T12:00:00Z' }, 'new', 'it was asked for at 2026-11-28T12:00:00Z'],
    ['the end of its root', { nearsEnd: true }, 'new', 'the root nears its end'],
    ['a root that was put there', { offered: 'given' }, 'given', 'another root was put in its place'],
  ])('begins to rotate by %s', (_, known, next, why) => {
    expect(advance(stable, facts(known), timing)).toEqual({
      kind: 'go',
      to: { phase: 'spreading', signing: 'a', next, since: start, handled: known.request },
      why,
      leftBehind: [],
    })
  })

  test('answers a request once', () => {
    const handled: RotationState<string> = { ...stable, handled: '2026-11-28T12:00:00Z' }
    expect(advance(handled, facts({ request: '2026-11-28T12:00:00Z' }), timing).kind).toBe('wait')
    expect(advance(handled, facts({ request: '2026-11-28T12:00:01Z' }), timing).kind).toBe('go')
  })
})

describe('a root that spreads', () => {
  const later = { now: start + timing.dwell }

  test('signs once everybody has it', () => {
    expect(advance(spreading, facts(later), timing)).toMatchObject({
      kind: 'go',
      to: { phase: 'reissuing', signing: 'b', old: 'a', since: later.now },
    })
  })

  test.each([
    ['for files to reach pods that start', { now: start + timing.dwell - 1 }, { kind: 'time', names: [] }],
    [
      'for an acknowledgement',
      { ...later, followers: [follower('shop/web'), follower('shop/slow', { acknowledged: false })] },
      { kind: 'acknowledgement', names: ['shop/slow'] },
    ],
    [
      'for a ConfigMap',
      { ...later, unwritten: ['ConfigMap shop/trust'] },
      { kind: 'bundle', names: ['ConfigMap shop/trust'] },
    ],
  ])('waits %s', (_, known, wait) => {
    expect(advance(spreading, facts(known), timing)).toMatchObject({ kind: 'wait', waits: [wait] })
  })

  test('gives files their time from when the last ConfigMap was written, but not for ever', () => {
    const writtenSince = start + 10 * minute
    const at = (now: number, since = writtenSince) =>
      advance(spreading, facts({ now, writtenSince: since }), timing)
    expect(at(writtenSince + timing.dwell - 1)).toEqual({
      kind: 'wait',
      waits: [{ kind: 'time', names: [], until: writtenSince + timing.dwell }],
    })
    expect(at(writtenSince + timing.dwell).kind).toBe('go')
    const end = start + timing.limit + timing.dwell
    expect([at(end - 1, end - 2).kind, at(end, end - 2).kind]).toEqual(['wait', 'go'])
  })

  test('waits for something that can sign under it, however long that takes', () => {
    const known = facts({ now: start + 2 * timing.grace, nextSigner: 'awaited' })
    expect(advance(spreading, known, timing)).toEqual({
      kind: 'wait',
      waits: [{ kind: 'issuer', names: [], until: undefined }],
    })
  })

  test('is given up when nothing will sign under it any more; a request from meanwhile stays', () => {
    const known = facts({ ...later, nextSigner: 'gone', request: '2026-11-28T12:01:00Z' })
    expect(advance(spreading, known, timing)).toMatchObject({
      kind: 'go',
      to: { phase: 'stable', signing: 'a', since: later.now, handled: undefined },
    })
  })

  test('goes on without those who cannot be reached, and names them', () => {
    const followers = [follower('shop/gone', { connected: false, acknowledged: false })]
    const known = facts({ now: start + timing.limit, followers })
    expect(advance(spreading, known, timing)).toMatchObject({
      kind: 'go',
      why: 'it was waited for long enough',
      leftBehind: ['shop/gone'],
    })
  })

  test('waits for a client that takes no bundle until it must have renewed, and learnt the root so', () => {
    const followers = [follower('edge/ztunnel', { acknowledged: false, renewed: false, cleared: false })]
    const at = (now: number) => advance(spreading, facts({ now, followers }), timing)
    expect(at(start + timing.lifetime - 1)).toEqual({
      kind: 'wait',
      waits: [{ kind: 'acknowledgement', names: ['edge/ztunnel'], until: start + timing.lifetime }],
    })
    expect(at(start + timing.lifetime)).toMatchObject({ kind: 'go', leftBehind: ['edge/ztunnel'] })
  })

  test('gives everybody that time again after the control plane itself was away', () => {
    const now = start + 10 * timing.limit
    const followers = [follower('shop/back-soon', { connected: false, acknowledged: false })]
    const known = { now, watchedSince: now - second, followers }
    expect(advance(spreading, facts(known), timing).kind).toBe('wait')
    expect(advance(spreading, facts({ ...known, now: now + timing.limit }), timing).kind).toBe('go')
  })
})

describe('certificates that are replaced', () => {
  const later = { now: start + timing.reissue }

  test('are all new once everybody says so', () => {
    expect(advance(reissuing, facts(later), timing)).toMatchObject({
      kind: 'go',
      to: { phase: 'retiring', signing: 'b', old: 'a' },
    })
  })

  test('are waited for until none can be left', () => {
    const followers = [follower('edge/ztunnel', { renewed: false, cleared: false })]
    const at = (now: number) => advance(reissuing, facts({ now, followers }), timing)
    expect(at(start + timing.lifetime - 1)).toEqual({
      kind: 'wait',
      waits: [{ kind: 'renewal', names: ['edge/ztunnel'], until: start + timing.lifetime }],
    })
    expect(at(start + timing.lifetime)).toMatchObject({ kind: 'go', leftBehind: ['edge/ztunnel'] })
  })

  test('need an issuer under the new root, however long that takes', () => {
    const known = facts({ now: start + 2 * timing.grace, issuing: false })
    expect(advance(reissuing, known, timing)).toMatchObject({ kind: 'wait', waits: [{ kind: 'issuer' }] })
  })
})

describe('an old root', () => {
  const followers = [follower('shop/web'), follower('shop/db', { cleared: false })]

  test('goes when nothing live is under it', () => {
    const known = facts({ now: start + timing.dwell, followers: [follower('shop/web')] })
    expect(advance(retiring, known, timing)).toMatchObject({
      kind: 'go',
      to: { phase: 'stable', signing: 'b' },
    })
  })

  test('stays while a tunnel lives, and no longer than the grace', () => {
    const at = (now: number) => advance(retiring, facts({ now, followers }), timing)
    expect(at(start + timing.grace - 1)).toMatchObject({
      kind: 'wait',
      waits: [{ kind: 'tunnels', names: ['shop/db'], until: start + timing.grace }],
    })
    expect(at(start + timing.grace)).toMatchObject({ kind: 'go', leftBehind: ['shop/db'] })
  })

  test('waits for word of those who are away, but not for days', () => {
    const gone = [follower('shop/gone', { connected: false, cleared: false })]
    const at = (now: number, watchedSince = start) =>
      advance(retiring, facts({ now, watchedSince, followers: gone }), timing)
    expect(at(start + timing.limit - 1)).toMatchObject({
      waits: [{ kind: 'connection', names: ['shop/gone'], until: start + timing.limit }],
    })
    expect(at(start + timing.limit)).toMatchObject({ kind: 'go', leftBehind: ['shop/gone'] })
    expect(at(start + timing.limit, start + timing.limit - 1)).toMatchObject({ kind: 'wait' })
  })
})

test('a request in the middle of a rotation is answered by that one', () => {
  const asked = '2026-11-28T12:34:00Z'
  const known = facts({ now: start + timing.grace, request: asked })
  const end = advance(retiring, known, timing)
  expect(end).toMatchObject({ kind: 'go', to: { phase: 'stable', handled: asked } })
})

describe('whatever happens', () => {
  const anyFollower = fc.record({
    name: fc.constantFrom('shop/a', 'shop/b', 'shop/c'),
    connected: fc.boolean(),
    acknowledged: fc.boolean(),
    renewed: fc.boolean(),
    cleared: fc.boolean(),
  })
  const anyMoment = fc.record({
    passed: fc.oneof(fc.integer({ min: 0, max: 20 * minute }), fc.integer({ min: 0, max: timing.grace })),
    restarted: fc.boolean(),
    request: fc.constantFrom(undefined, 'first', 'second'),
    nearsEnd: fc.boolean(),
    nextSigner: fc.constantFrom<Prospect>('ready', 'ready', 'awaited', 'gone'),
    issuing: fc.boolean(),
    unwritten: fc.subarray(['ConfigMap a', 'ConfigMap b']),
    followers: fc.array(anyFollower, { maxLength: 3 }),
  })

  test('whoever signs is trusted before, and the old root leaves last', () => {
    fc.assert(
      fc.property(fc.array(anyMoment, { maxLength: 40 }), (moments) => {
        let state: RotationState<string> = { ...stable }
        let now = start
        let watchedSince = start
        let writtenSince: number | undefined
        let roots = 0
        for (const { passed, restarted, ...known } of moments) {
          now += passed
          if (restarted) watchedSince = now
          writtenSince = known.unwritten.length > 0 ? undefined : (writtenSince ?? now)
          const makeRoot = () => `root ${++roots}`
          const at = { ...known, now, watchedSince, writtenSince, makeRoot, offered: undefined }
          const step: Step<string> = advance(state, at, timing)
          if (step.kind === 'wait') {
            // Whoever waits says for what, but in a mesh that has nothing to do.
            expect(step.waits.length === 0).toBe(state.phase === 'stable')
            continue
          }
          const before = trustedRoots(state)
          const after = trustedRoots(step.to)
          expect(before).toContain(step.to.signing)
          expect(after[0]).toBe(step.to.signing)
          if (state.phase === 'spreading' && step.to.phase === 'stable') {
            // Nothing ever hung from the next root.
            expect([step.to.signing, at.nextSigner]).toEqual([state.signing, 'gone'])
            state = step.to
            writtenSince = undefined
            continue
          }
          for (const lost of before.filter((root) => !after.includes(root))) {
            expect(lost).toBe(oldRoot(state))
            const unclear = at.followers.filter(({ cleared }) => !cleared)
            const graceIsOver = now - state.since >= timing.grace
            expect(graceIsOver || unclear.every(({ connected }) => !connected)).toBe(true)
            const limitIsOver = now - Math.max(state.since, watchedSince) >= timing.limit
            expect(graceIsOver || limitIsOver || unclear.length === 0).toBe(true)
            expect(now - state.since).toBeGreaterThanOrEqual(timing.dwell)
          }
          if (step.to.signing !== state.signing) {
            expect(at.nextSigner).toBe('ready')
            const missed = at.unwritten.length > 0 || at.followers.some(({ acknowledged }) => !acknowledged)
            const limitIsOver = now - Math.max(state.since, watchedSince) >= timing.limit
            expect(!missed || limitIsOver).toBe(true)
            expect(limitIsOver || now - writtenSince! >= timing.dwell).toBe(true)
          }
          state = step.to
          writtenSince = undefined
        }
      }),
    )
  })

  test('a rotation ends, however little is heard of anybody', () => {
    fc.assert(
      fc.property(fc.array(anyFollower), fc.subarray(['ConfigMap a']), (followers, unwritten) => {
        let state: RotationState<string> = spreading
        let now = start
        const step = 10 * minute
        while (state.phase !== 'stable') {
          now += step
          const next: Step<string> = advance(state, facts({ now, followers, unwritten }), timing)
          if (next.kind === 'go') state = next.to
          expect(now - start).toBeLessThan(timing.limit + 2 * timing.lifetime + timing.grace + 3 * step)
        }
      }),
      { numRuns: 20 },
    )
  })
})
