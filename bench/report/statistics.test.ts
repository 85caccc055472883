import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { median, spread } from './statistics.ts'

describe('spread', () => {
  test('of nothing is undefined', () => {
    expect(spread([])).toBeUndefined()
    expect(median([])).toBeNaN()
  })

  test('of one value is that value', () => {
    expect(spread([7])).toEqual({ median: 7, p25: 7, p75: 7, rounds: 1 })
  })

  test('interpolates between neighbours', () => {
    expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, p25: 1.75, p75: 3.25, rounds: 4 })
    expect(spread([10, 20, 30, 40, 50])).toEqual({ median: 30, p25: 20, p75: 40, rounds: 5 })
  })

  test('is in order, within the values, and does not depend on theirs', () => {
    const values = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(values, (list) => {
        const { median, p25, p75, rounds } = spread(list)!
        const slack = 1e-6
        expect(p25).toBeLessThanOrEqual(median + slack)
        expect(median).toBeLessThanOrEqual(p75 + slack)
        expect(p25).toBeGreaterThanOrEqual(Math.min(...list) - slack)
        expect(p75).toBeLessThanOrEqual(Math.max(...list) + slack)
        expect(rounds).toBe(list.length)
        expect(spread(list.toReversed())).toEqual(spread(list))
      }),
    )
  })
})
