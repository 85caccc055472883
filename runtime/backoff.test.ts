import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Backoff } from './backoff.ts'

describe('a backoff', () => {
  it('doubles from the minimum to the maximum, and begins again after a success', () => {
    const backoff = new Backoff({ minimum: 100, maximum: 1_000, random: () => 1 })
    const waits = Array.from({ length: 6 }, () => backoff.next())
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000])
    backoff.reset()
    expect(backoff.next()).toBe(100)
  })

  it('draws each wait from the upper half, so that it is never too short and never too long', () => {
    const options = fc.record({
      minimum: fc.integer({ min: 1, max: 1_000 }),
      times: fc.integer({ min: 1, max: 100 }),
      draws: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
    })
    fc.assert(
      fc.property(options, ({ minimum, times, draws }) => {
        const maximum = minimum * times
        let i = 0
        const backoff = new Backoff({ minimum, maximum, random: () => draws[i]! })
        for (; i < draws.length; i++) {
          const longest = Math.min(minimum * 2 ** i, maximum)
          const wait = backoff.next()
          expect(wait).toBeGreaterThanOrEqual(longest / 2)
          expect(wait).toBeLessThanOrEqual(longest)
        }
      }),
    )
  })

  it('draws differently for different processes', () => {
    const waits = Array.from({ length: 20 }, () => new Backoff({ minimum: 1_000, maximum: 1_000 }).next())
    expect(new Set(waits).size).toBeGreaterThan(1)
  })
})
