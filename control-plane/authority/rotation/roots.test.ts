import { beforeEach, describe, expect, test } from 'vitest'
import { AuthorityStateError } from '../keys.ts'
import { makeRoot, type Root } from '../root.ts'
import type { SignerStore, Stored, StoredData } from '../signer-store.ts'
import { start } from '../testing/authority.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { Roots } from './roots.ts'
import type { RotationState } from './state.ts'
import { formatState } from './stored-state.ts'

const make = (): Root => makeRoot('cluster.local', start)
const [a, b, c] = [make(), make(), make()] as const
const names = new Map([a, b, c].map((root, i) => [root.certificate.toString(), 'abc'[i]]))
const at = (minutes: number) => ({ since: start + minutes * 60_000, handled: undefined })
const stable = (signing: Root, minutes: number): RotationState<Root> => ({
  phase: 'stable',
  signing,
  ...at(minutes),
})
const spreading: RotationState<Root> = { phase: 'spreading', signing: a, next: b, ...at(10) }
const reissuing: RotationState<Root> = { phase: 'reissuing', signing: b, old: a, ...at(20) }
const retiring: RotationState<Root> = { phase: 'retiring', signing: b, old: a, ...at(30) }

/** What every replica sees, and anybody writes. */
class Shared {
  stored: Stored = { data: {}, version: undefined }
  readonly #listeners = new Set<() => void>()
  #version = 0

  store(writing = true): SignerStore {
    return {
      writing,
      places: () => ({ certificate: 'the Secret tls.crt', privateKey: 'the Secret tls.key' }),
      read: async () => this.stored,
      write: async (_, data, { version }) => {
        return writing && version === this.stored.version ? this.put(data) : undefined
      },
      subscribe: (_, listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    }
  }

  put(data: StoredData): Stored {
    this.stored = { data, version: String(++this.#version) }
    return this.stored
  }

  /** Tells the replicas, and gives them the time to look. */
  async tell(): Promise<void> {
    for (const listener of this.#listeners) listener()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

let shared: Shared
beforeEach(() => {
  shared = new Shared()
})

/** A replica that follows what is kept, which is that state. */
async function replica(state: RotationState<Root>, { leads = true } = {}) {
  shared.put(formatState(state, 'cluster.local'))
  const { log, records } = recordingLog()
  const makeFirst = () => makeRoot('cluster.local', start)
  const options = {
    store: shared.store(leads),
    trustDomain: 'cluster.local',
    log,
    makeFirst,
    now: () => start,
  }
  const roots = await Roots.open(options)
  roots.follow()
  return { roots, records }
}

/** The phase, and the root that signs. */
function standing(state: RotationState<Root>) {
  return `${state.phase} ${names.get(state.signing.certificate.toString())}`
}

describe('a state that is written by somebody else', () => {
  test.each([
    ['the next step', stable(a, 0), spreading],
    ['the step after', spreading, reissuing],
    ['one after some that were not seen', stable(a, 0), reissuing],
    ['the end of a rotation that was seen begin', spreading, stable(b, 40)],
    ['the next step by a clock that is behind', spreading, { ...reissuing, ...at(5) }],
    ['a next root that was given up', spreading, stable(a, 11)],
    ['the same state', retiring, retiring],
  ])('is taken: %s', async (_, before, after) => {
    const { roots, records } = await replica(before, { leads: false })
    shared.put(formatState(after, 'cluster.local'))
    await shared.tell()
    expect(standing(roots.state.current)).toBe(standing(after))
    expect(records).toEqual([])
  })

  test.each([
    ['from before a rotation', stable(b, 40), stable(a, 0)],
    ['from within a rotation that is over', stable(b, 40), spreading],
    ['from before a rotation that is about to end', retiring, stable(a, 0)],
    ['of another mesh, while a rotation is under way', spreading, stable(c, 50)],
  ])('is put back when it is a backup %s', async (_, before, after) => {
    const { roots, records } = await replica(before)
    shared.put(formatState(after, 'cluster.local'))
    await shared.tell()
    expect(standing(roots.state.current)).toBe(standing(before))
    expect(shared.stored.data).toEqual(formatState(before, 'cluster.local'))
    expect(records).toContainEqual(
      expect.objectContaining({ level: 'error', place: 'the Secret tls.crt', root: expect.any(String) }),
    )
  })

  test('becomes the next root when it is newer and that of another mesh', async () => {
    const { roots } = await replica(stable(a, 0))
    shared.put(formatState(stable(c, 50), 'cluster.local'))
    await shared.tell()
    expect(standing(roots.state.current)).toBe('stable a')
    expect(roots.offered.current?.privateKey?.equals(c.privateKey!)).toBe(true)
    expect(await roots.move(roots.state.current, { ...spreading, next: c })).toBe(true)
  })

  test('is left to the replica that leads when it cannot be taken', async () => {
    const { roots } = await replica(stable(b, 40), { leads: false })
    const written = shared.put(formatState(stable(a, 0), 'cluster.local'))
    await shared.tell()
    expect(standing(roots.state.current)).toBe('stable b')
    expect(shared.stored).toBe(written)
  })
})

test('a step from where the mesh stands no longer is not made', async () => {
  const { roots } = await replica(spreading)
  const { current: before } = roots.state
  shared.put(formatState(reissuing, 'cluster.local'))
  await shared.tell()
  expect(await roots.move(before, stable(a, 60))).toBe(false)
  expect(shared.stored.data).toEqual(formatState(reissuing, 'cluster.local'))
  expect(await roots.move(roots.state.current, retiring)).toBe(true)
})

describe('what cannot be read', () => {
  const damaged = { ...formatState(spreading, 'cluster.local'), 'tls.crt': 'what?' }

  test('is put back, and told', async () => {
    const { roots, records } = await replica(spreading)
    shared.put(damaged)
    await shared.tell()
    expect(shared.stored.data).toEqual(formatState(spreading, 'cluster.local'))
    expect(records).toContainEqual(
      expect.objectContaining({ message: 'the stored root cannot be used; the one in use stays' }),
    )
    expect(await roots.move(roots.state.current, reissuing)).toBe(true)
  })

  test('does not stop a replica that leads only since', async () => {
    const { roots } = await replica(spreading)
    // No word of it comes, as to one that had it before.
    shared.put(damaged)
    expect(await roots.move(roots.state.current, reissuing)).toBe(false)
    expect(await roots.move(roots.state.current, reissuing)).toBe(true)
  })
})

describe('a root that was put there while nobody looked', () => {
  const { 'tls.crt': certificate, 'tls.key': key } = formatState(stable(c, 0), 'cluster.local')
  const parts = { 'tls.crt': certificate!, 'tls.key': key! }

  test('is refused, and left alone', async () => {
    const put = { ...formatState(spreading, 'cluster.local'), ...parts }
    shared.put(put)
    const options = {
      store: shared.store(),
      trustDomain: 'cluster.local',
      makeFirst: () => a,
      now: () => start,
    }
    const opening = Roots.open({ ...options, log: recordingLog().log })
    await expect(opening).rejects.toThrow(AuthorityStateError)
    await expect(opening).rejects.toThrow(
      'the Secret tls.crt is not the root that its entry "rotation" is about',
    )
    expect(shared.stored.data).toBe(put)
  })

  test('is the first one where there is nothing else', async () => {
    shared.put(parts)
    const options = {
      store: shared.store(),
      trustDomain: 'cluster.local',
      makeFirst: () => a,
      now: () => start,
    }
    const roots = await Roots.open({ ...options, log: recordingLog().log })
    expect(standing(roots.state.current)).toBe('stable c')
  })
})
