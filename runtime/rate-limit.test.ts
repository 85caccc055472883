import { expect, test, vi } from 'vitest'
import { RateLimit } from './rate-limit.ts'

function limited(options: { burst: number; perSecond: number }) {
  const clock = { now: 0 }
  const limit = new RateLimit({ ...options, now: () => clock.now })
  const giveBack = (key: string) => limit.giveBack(key)
  const taken = (key: string, tries: number) =>
    Array.from({ length: tries }, () => limit.take(key)).filter(Boolean).length
  return { clock, taken, giveBack }
}

test('a burst passes, what follows waits for its rate', () => {
  const { clock, taken } = limited({ burst: 5, perSecond: 2 })
  expect(taken('a', 10)).toBe(5)
  clock.now += 1_000
  expect(taken('a', 10)).toBe(2)
  clock.now += 250
  expect(taken('a', 10)).toBe(0)
  clock.now += 250
  expect(taken('a', 10)).toBe(1)
})

test('one key takes nothing from another', () => {
  const { taken } = limited({ burst: 5, perSecond: 1 })
  expect(taken('a', 10)).toBe(5)
  expect(taken('b', 10)).toBe(5)
})

test('a bucket never holds more than its burst', () => {
  const { clock, taken } = limited({ burst: 5, perSecond: 1 })
  taken('a', 5)
  clock.now += 3_600_000
  expect(taken('a', 10)).toBe(5)
})

test('what is given back can be taken again, and no more', () => {
  const { taken, giveBack } = limited({ burst: 3, perSecond: 1 })
  taken('a', 3)
  giveBack('a')
  expect(taken('a', 5)).toBe(1)
  for (let i = 0; i < 5; i++) giveBack('a')
  expect(taken('a', 5)).toBe(3)
})

test('a clock that is set back gives nothing and takes nothing', () => {
  const { clock, taken } = limited({ burst: 5, perSecond: 1 })
  expect(taken('a', 3)).toBe(3)
  clock.now -= 60_000
  expect(taken('a', 10)).toBe(2)
})

test('the clock on the wall counts for nothing', () => {
  const clock = { now: 0 }
  using _ = vi.spyOn(performance, 'now').mockImplementation(() => clock.now)
  using wall = vi.spyOn(Date, 'now').mockReturnValue(1_000_000)
  const limit = new RateLimit({ burst: 1, perSecond: 1 })
  expect(limit.take('a')).toBe(true)
  wall.mockReturnValue(2_000_000)
  expect(limit.take('a')).toBe(false)
  wall.mockReturnValue(0)
  clock.now += 1_000
  expect(limit.take('a')).toBe(true)
})

test('many keys that come once do not stay', () => {
  const { clock, taken } = limited({ burst: 2, perSecond: 1 })
  taken('busy', 2)
  for (let i = 0; i < 30_000; i++) {
    clock.now += 1
    taken(`key ${i}`, 1)
  }
  expect(taken('busy', 3)).toBe(2)
})
