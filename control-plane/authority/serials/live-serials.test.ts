import { expect, test } from 'vitest'
import { start } from '../testing/authority.ts'
import { LiveSerials, mostLive } from './live-serials.ts'

function watch() {
  const clock = { now: start }
  const live = new LiveSerials(() => clock.now)
  /** As many serials of the pod, which end a second after one another. */
  const look = (podUid: string, count: number) =>
    live.look(
      podUid,
      Array.from({ length: count }, (_, i) => ({
        podUid,
        serial: i.toString(16).padStart(2, '0'),
        notAfter: start + (i + 1) * 1_000,
      })),
    )
  return { clock, live, look }
}

test('a pod is full while it has as many live ones as it may, whatever others have', () => {
  const { clock, live, look } = watch()
  look('uid-1', mostLive - 1)
  expect(live.isFull('uid-1')).toBe(false)
  look('uid-1', mostLive + 1)
  look('uid-2', 1)
  expect([live.isFull('uid-1'), live.isFull('uid-2')]).toEqual([true, false])
  clock.now += 1_000
  expect(live.isFull('uid-1')).toBe(true)
  clock.now += 1_000
  expect(live.isFull('uid-1')).toBe(false)
})

test('serials that have expired count for nothing', () => {
  const { clock, live, look } = watch()
  clock.now += mostLive * 1_000
  look('uid-1', 2 * mostLive - 1)
  expect(live.isFull('uid-1')).toBe(false)
})

test('what the ledger answers last is what counts', () => {
  const { live, look } = watch()
  look('uid-1', mostLive)
  look('uid-1', 1)
  expect(live.isFull('uid-1')).toBe(false)
})

test('no more pods are remembered than fit', () => {
  const { live, look } = watch()
  for (let i = 0; i <= 10_000; i++) look(`uid-${i}`, mostLive)
  expect([live.isFull('uid-0'), live.isFull('uid-1')]).toEqual([false, true])
})
