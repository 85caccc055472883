import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { sleep } from './lifetime.ts'
import type { Lifetime } from './renewal-time.ts'
import { Renewing } from './renewing.ts'

vi.mock('./lifetime.ts', () => ({ sleep: vi.fn() }))

const hour = 60 * 60_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('what is due by the clock on the wall is renewed within half a minute, though the machine slept', async () => {
  const started = Date.now()
  const stop = new AbortController()
  const obtained: number[] = []
  const renewing = new Renewing<Lifetime>({
    obtain: async () => {
      obtained.push(Date.now() - started)
      if (obtained.length === 2) stop.abort()
      return { notBefore: Date.now(), notAfter: Date.now() + 24 * hour }
    },
    failed: (error) => expect.unreachable(String(error)),
  })
  let rests = 0
  vi.mocked(sleep).mockImplementation(async (rest) => {
    // A timer counts nothing of the night that comes in the tenth rest.
    const night = ++rests === 10 ? 14 * hour : 0
    vi.setSystemTime(Date.now() + rest + night)
  })
  await renewing.run(stop.signal)
  expect(obtained[0]).toBe(0)
  expect(obtained[1]).toBeLessThanOrEqual(14 * hour + 10 * 30_000)
})
