import { expect, test } from 'vitest'
import { day, hour, start } from '../testing/authority.ts'
import { mostLive } from './live-serials.ts'
import { believedAfterEnd, forgettable, retentionFor } from './retention.ts'

/** Serials of one pod that end a second after one another. */
function issued(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    podUid: 'uid-1',
    serial: i.toString(16).padStart(4, '0'),
    notAfter: start + i * 1_000,
  }))
}

test('serials are kept as long again as certificates are good for, within bounds', () => {
  expect([10_000, hour, day, 365 * day].map(retentionFor)).toEqual([believedAfterEnd, hour, day, day])
})

test('a clock that is ahead by a lifetime forgets nothing that is good', () => {
  const good = issued(mostLive + 20).map((each) => ({ ...each, notAfter: each.notAfter + 1 }))
  expect(forgettable(good, day, start + day)).toEqual([])
  expect(forgettable(good, day, start + 2 * day)).toHaveLength(good.length)
})

test('of a pod with more than can be good only the newest are kept for long', () => {
  const many = issued(1_000)
  const ended = many.at(-1)!.notAfter
  expect(forgettable(many, day, ended)).toHaveLength(1_000 - 2 * mostLive)
  const gone = forgettable(many, day, ended + believedAfterEnd)
  expect(new Set(gone)).toEqual(new Set(many.slice(0, -2 * mostLive)))
})

test('a serial whose end is unknown is never forgotten', () => {
  const endless = { podUid: 'uid-1', serial: '0a', notAfter: Number.POSITIVE_INFINITY }
  expect(forgettable([endless, endless], day, start + 365 * day)).toEqual([])
})
