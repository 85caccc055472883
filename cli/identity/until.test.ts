import { afterEach, beforeEach, expect, it, type MockInstance, vi } from 'vitest'
import { Failure } from '../failure.ts'
import { until } from './until.ts'

let stderr: MockInstance<typeof process.stderr.write>
beforeEach(() => {
  stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
})
afterEach(() => {
  stderr.mockRestore()
})

it('looks on after a failure that may go by itself, and tells it once', async () => {
  const hiccup = new Failure('weft identity revoke: said 503', { status: 2, transient: true })
  const look = vi.fn<() => Promise<string | undefined>>().mockRejectedValueOnce(hiccup)
  look.mockRejectedValueOnce(hiccup).mockResolvedValueOnce('seen')
  expect(await until(5_000, () => 'waiting', look)).toBe('seen')
  expect(stderr.mock.calls).toEqual([['weft identity revoke: said 503; it is tried again\n']])
})

it('throws any other', async () => {
  const forbidden = new Failure('weft identity revoke: said 403', { status: 2 })
  await expect(
    until(
      5_000,
      () => 'waiting',
      () => Promise.reject(forbidden),
    ),
  ).rejects.toBe(forbidden)
})

it('tells why it waits after a moment, and again when that changes', async () => {
  const reasons = ['0 of 2', '1 of 2', '1 of 2', '2 of 2']
  let reason = ''
  const began = performance.now()
  const look = () => {
    if (performance.now() - began > 1_000) reason = reasons.shift() ?? reason
    return Promise.resolve(reasons.length === 0 ? 'seen' : undefined)
  }
  expect(await until(10_000, () => reason, look)).toBe('seen')
  expect(stderr.mock.calls).toEqual([['0 of 2 ...\n'], ['1 of 2 ...\n']])
})
