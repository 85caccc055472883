import { afterEach, expect, test, vi } from 'vitest'
import { certificateLimits, withinLimits } from './limits.ts'

afterEach(() => {
  vi.useRealTimers()
})

const hour = 3_600_000

/** A pod of its own for each number, five hundred of each service account. */
function pod(number: number, namespace: string) {
  const podName = `pod-${number}`
  const serviceAccount = `account-${Math.floor(number / 500)}`
  return { namespace, podName, podUid: `${namespace}/${podName}`, serviceAccount }
}

test('one namespace uses up its own bucket, whatever its pods and service accounts are', () => {
  const limits = certificateLimits(24 * hour)
  const asked = Array.from({ length: 10_000 }, (_, i) => withinLimits(pod(i, 'greedy'), limits))
  expect(asked.filter(Boolean)).toHaveLength(5_000)
  expect(withinLimits(pod(1, 'shop'), limits)).toBe(true)
})

test.each([
  ['a day', 24 * hour, 2 * 24 * hour],
  ['an hour', hour, 2 * hour],
  ['ten seconds', 10_000, 610_000],
  ['a year', 365 * 24 * hour, 366 * 24 * hour],
])(
  'with certificates of %s one namespace keeps at most 85 000 and a burst in the ledger',
  (_, lifetime, kept) => {
    vi.useFakeTimers()
    const { perNamespace } = certificateLimits(lifetime)
    const drain = () => {
      let taken = 0
      while (perNamespace.take('greedy')) taken++
      return taken
    }
    expect(drain()).toBe(5_000)
    let taken = 0
    for (let i = 0; i < 100; i++) {
      vi.advanceTimersByTime(kept / 100)
      taken += drain()
    }
    expect(taken).toBeGreaterThan(84_900)
    expect(taken).toBeLessThanOrEqual(85_000)
  },
)
