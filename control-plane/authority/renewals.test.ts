import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Renewals } from './renewals.ts'
import { day } from './testing/authority.ts'
import { recordingLog } from './testing/recording-log.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

function renewable(due: number, fails: () => boolean = () => false) {
  const renewedAt: number[] = []
  const start = Date.now()
  return {
    label: 'thing',
    renewedAt,
    attempts: 0,
    renewAt: start + due,
    renew(now: number) {
      this.attempts++
      if (fails()) throw new Error('disk full')
      renewedAt.push(now - start)
      this.renewAt = now + due
    },
  }
}

test('what is due in months is renewed then, and not before', async () => {
  const thing = renewable(200 * day)
  const renewals = new Renewals([thing], { log: recordingLog().log, now: Date.now, renewed: () => {} })
  await vi.advanceTimersByTimeAsync(199 * day)
  expect(thing.renewedAt).toEqual([])
  await vi.advanceTimersByTimeAsync(2 * day)
  expect(thing.renewedAt).toHaveLength(1)
  renewals.close()
})

test('what is due in seconds is renewed within a second of it', async () => {
  const thing = renewable(5_500)
  const renewals = new Renewals([thing], { log: recordingLog().log, now: Date.now, renewed: () => {} })
  await vi.advanceTimersByTimeAsync(12_000)
  expect(thing.renewedAt).toEqual([5_500, 11_000])
  renewals.close()
})

test('what fails is tried again, ever more slowly, until it succeeds', async () => {
  let full = true
  const thing = renewable(1_000, () => full)
  const { log, records } = recordingLog()
  const renewals = new Renewals([thing], { log, now: Date.now, renewed: () => {} })
  await vi.advanceTimersByTimeAsync(600_000)
  expect(thing.attempts).toBeGreaterThan(10)
  expect(thing.attempts).toBeLessThan(30)
  expect(records.every(({ error }) => error === 'disk full')).toBe(true)
  full = false
  await vi.advanceTimersByTimeAsync(60_000)
  expect(thing.renewedAt.length).toBeGreaterThan(1)
  renewals.close()
})

test('nothing is renewed after close', async () => {
  const thing = renewable(1_000)
  const renewals = new Renewals([thing], { log: recordingLog().log, now: Date.now, renewed: () => {} })
  renewals.close()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(thing.attempts).toBe(0)
})
