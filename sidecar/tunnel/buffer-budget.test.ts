import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { BufferBudget } from './buffer-budget.ts'

const kibi = 1024
const mebi = kibi ** 2

test('is exhausted by what all connections hold together, and free again without them', () => {
  const budget = new BufferBudget(mebi)
  const [one, another] = [budget.account(), budget.account()]
  one.hold(600 * kibi)
  expect(budget.exhausted).toBe(false)
  another.hold(424 * kibi)
  expect(budget.exhausted).toBe(true)
  another.close()
  expect([budget.held, budget.exhausted]).toEqual([600 * kibi, false])
  // What comes late of a connection that is gone changes nothing.
  another.hold(-424 * kibi)
  another.close()
  one.hold(-600 * kibi)
  expect(budget.held).toBe(0)
})

test('knows what is held for one owner over several connections', () => {
  const budget = new BufferBudget()
  const owner = { held: 0 }
  const [one, another] = [budget.account(owner), budget.account(owner)]
  one.hold(10)
  another.hold(5)
  expect(owner.held).toBe(15)
  one.close()
  expect(owner.held).toBe(5)
})

test.each([
  [1, 256],
  [64, 256],
  [65, 128],
  [128, 128],
  [129, 64],
  [1_000, 16],
  [100_000, 16],
])('with %d streams, each new one may be sent %d KiB', (streams, window) => {
  const budget = new BufferBudget(32 * mebi)
  const account = budget.account()
  for (let i = 0; i < streams; i++) account.stream(1)
  expect(budget.window).toBe(window * kibi)
})

test('tells of a new window once for a burst, and not for one stream that comes and goes', () => {
  vi.useFakeTimers()
  const budget = new BufferBudget(32 * mebi)
  const told: number[] = []
  const atOnce: number[] = []
  budget.onWindow(() => void atOnce.push(budget.window / kibi))
  budget.onSettledWindow(() => void told.push(budget.window / kibi))
  const account = budget.account()
  for (let i = 0; i < 130; i++) account.stream(1)
  expect(told).toEqual([])
  expect(atOnce).toEqual([128, 64])
  vi.advanceTimersByTime(50)
  expect(told).toEqual([64])
  for (let i = 0; i < 50; i++) {
    account.stream(-1)
    account.stream(-1)
    vi.advanceTimersByTime(50)
    account.stream(1)
    account.stream(1)
    vi.advanceTimersByTime(50)
  }
  expect(told).toEqual([64])
  for (let i = 0; i < 130; i++) account.stream(-1)
  vi.advanceTimersByTime(50)
  expect(told).toEqual([64, 256])
  vi.useRealTimers()
})

test('whatever the budget and the streams, new windows of all together fit in half of it or are the least', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: mebi, max: 1_024 * mebi }),
      fc.array(fc.integer({ min: -500, max: 500 }), { maxLength: 30 }),
      (limit, changes) => {
        const budget = new BufferBudget(limit)
        const account = budget.account()
        for (const change of changes) {
          const left = change < 0 ? Math.min(-change, budget.streams) : change
          for (let i = 0; i < left; i++) account.stream(change < 0 ? -1 : 1)
          const { window, streams } = budget
          expect(window === 16 * kibi || window * streams <= limit / 2).toBe(true)
          expect(Math.log2(window) % 1).toBe(0)
        }
      },
    ),
    { numRuns: 100 },
  )
})
