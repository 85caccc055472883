import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linearScale, logarithmicScale } from './scale.ts'

const ends = [100, 500] as const

test('a linear scale begins at zero and ends at a round number', () => {
  const scale = linearScale([3, 47], ends)
  expect(scale.ticks).toEqual([0, 10, 20, 30, 40, 50])
  expect([scale.at(0), scale.at(25), scale.at(50)]).toEqual([100, 300, 500])
})

test('it has room below zero where values are', () => {
  const scale = linearScale([-2, 8], ends)
  expect(scale.ticks[0]).toBe(-2)
  expect(scale.at(0)).toBeCloseTo(180)
})

test('a logarithmic scale has 1, 2 and 5 times the powers of ten', () => {
  const scale = logarithmicScale([0.3, 4], ends)
  expect(scale.ticks).toEqual([0.2, 0.5, 1, 2, 5])
  expect([scale.at(0.2), scale.at(5)]).toEqual([100, 500])
})

test('every value lies between the ends', () => {
  const values = fc.array(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { minLength: 1 })
  fc.assert(
    fc.property(values, (list) => {
      for (const make of [linearScale, logarithmicScale]) {
        const scale = make(list, ends)
        for (const value of list) {
          expect(scale.at(value)).toBeGreaterThanOrEqual(99.999)
          expect(scale.at(value)).toBeLessThanOrEqual(500.001)
        }
      }
    }),
  )
})
