import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest'
import type { RotationStatus } from '#mesh/rotation-status.ts'
import { Failure } from '../failure.ts'
import { follow } from './follow-rotation.ts'

const stable: RotationStatus = {
  phase: 'stable',
  since: '2026-11-28T12:00:00.000Z',
  roots: [],
  issuer: '2027-11-28T12:00:00.000Z',
  serving: '2026-11-29T12:00:00.000Z',
  waits: [],
  leftBehind: { count: 0, names: [] },
}
const retiring: RotationStatus = { ...stable, phase: 'retiring' }
const hiccup = new Failure('weft identity status: said 503', { status: 2, transient: true })
const forbidden = new Failure('weft identity status: said 403', { status: 2 })

let stderr: MockInstance<typeof process.stderr.write>
beforeEach(() => {
  stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterEach(() => {
  stderr.mockRestore()
})

describe('who follows a rotation', () => {
  it('hears of what changed, and once of each time that nobody answers', async () => {
    const following = reading(stable, hiccup, hiccup, hiccup, stable, retiring, hiccup, stable)
    const heard = await Promise.all(Array.from({ length: 3 }, () => following.next()))
    expect(heard.map(({ value }) => value?.phase)).toEqual(['stable', 'retiring', 'stable'])
    const told = 'weft identity status: said 503; it is tried again until there is an answer\n'
    expect(stderr.mock.calls.map(([text]) => text)).toEqual([told, told])
  })

  it('gives up where it is told no', async () => {
    const following = reading(stable, hiccup, forbidden)
    await following.next()
    await expect(following.next()).rejects.toBe(forbidden)
  })
})

/** Follows answers that come one after the other. */
function reading(...answers: readonly (RotationStatus | Failure)[]) {
  const left = answers.values()
  const read = () => {
    const { value } = left.next()
    return value instanceof Failure || value === undefined ? Promise.reject(value) : Promise.resolve(value)
  }
  return follow(read, { usual: 0, afterFailure: 0 })
}
