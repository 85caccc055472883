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
  expect(await until(5_000, 'waiting', look)).toBe('seen')
  expect(stderr.mock.calls).toEqual([['weft identity revoke: said 503; it is tried again\n']])
})

it('throws any other', async () => {
  const forbidden = new Failure('weft identity revoke: said 403', { status: 2 })
  await expect(until(5_000, 'waiting', () => Promise.reject(forbidden))).rejects.toBe(forbidden)
})
