import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MemoryLedger } from '../testing/memory-ledger.ts'
import { recordingLog } from '../testing/recording-log.ts'
import { pruneRegularly } from './pruning.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('the replica that leads tidies up, again after it failed', async () => {
  const ledger = new MemoryLedger()
  const prune = vi.spyOn(ledger, 'prune').mockRejectedValueOnce(new Error('away'))
  const { log, records } = recordingLog()
  let leads = false
  using _ = pruneRegularly(ledger, { leads: () => leads, log, interval: 1_000 })
  await vi.advanceTimersByTimeAsync(3_000)
  expect(prune).toHaveBeenCalledTimes(0)
  leads = true
  await vi.advanceTimersByTimeAsync(2_000)
  expect(prune).toHaveBeenCalledTimes(2)
  expect(records).toMatchObject([{ level: 'warn', error: 'away' }])
})
