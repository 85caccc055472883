import { describe, expect, test } from 'vitest'
import { delaysOf, merge, noArrivals, percentile } from './delays.ts'

describe('delaysOf', () => {
  const arrivals = { last: Float64Array.of(150, 0, 400, 90), count: Uint32Array.of(2, 0, 1, 0) }

  test('is the time to the last of those interested, in ascending order', () => {
    const changes = [
      { pod: 2, due: 100, interested: 1 },
      { pod: 0, due: 100, interested: 2 },
    ]
    expect(delaysOf(changes, arrivals)).toEqual({ sorted: [50, 300], lost: 0 })
  })

  test('a change that somebody did not hear of is lost, and one that interests nobody does not count', () => {
    const changes = [
      { pod: 0, due: 100, interested: 3 },
      { pod: 1, due: 100, interested: 0 },
    ]
    expect(delaysOf(changes, arrivals)).toEqual({ sorted: [], lost: 1 })
  })
})

test('merge keeps the latest arrival and adds the counts', () => {
  const all = noArrivals(2)
  merge(all, { last: Float64Array.of(5, 9), count: Uint32Array.of(1, 2) })
  merge(all, { last: Float64Array.of(7, 0), count: Uint32Array.of(3, 0) })
  expect([[...all.last], [...all.count]]).toEqual([
    [7, 9],
    [4, 2],
  ])
})

test('percentile is a value that was measured', () => {
  const values = Array.from({ length: 200 }, (_, n) => n + 1)
  expect([percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)]).toEqual([100, 198, 200])
  expect([percentile([3], 0.01), percentile([], 0.5)]).toEqual([3, Number.NaN])
})
