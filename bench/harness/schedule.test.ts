import fc from 'fast-check'
import { expect, test } from 'vitest'
import { interleave } from './schedule.ts'

test('every second round goes in reverse', () => {
  const order = interleave(['A', 'B', 'C'], 3).map(({ candidate, round }) => `${candidate}${round}`)
  expect(order).toEqual(['A1', 'B1', 'C1', 'C2', 'B2', 'A2', 'A3', 'B3', 'C3'])
})

test('every candidate has one turn in every round, and over two rounds the same place on average', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 9 }), (count, rounds) => {
      const candidates = Array.from({ length: count }, (_, n) => n)
      const turns = interleave(candidates, rounds)
      for (let round = 1; round <= rounds; round++) {
        const inRound = turns.filter((turn) => turn.round === round).map(({ candidate }) => candidate)
        expect(inRound.toSorted((a, b) => a - b)).toEqual(candidates)
      }
      const places = turns.slice(0, 2 * count).map(({ candidate }, place) => ({ candidate, place }))
      for (const candidate of rounds > 1 ? candidates : []) {
        const own = places.filter((one) => one.candidate === candidate)
        expect(own.reduce((sum, { place }) => sum + place, 0)).toBe(2 * count - 1)
      }
    }),
  )
})
