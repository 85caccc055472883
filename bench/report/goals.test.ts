import { expect, test } from 'vitest'
import { bytesPerConnection, goals } from './goals.ts'
import { toRecords } from './records.ts'
import { turn } from './testing/turns.ts'

const memory = (bytes: number, connections: number) => ({
  clientPrivateBytes: bytes,
  serverPrivateBytes: bytes,
  clientProportionalBytes: bytes,
  serverProportionalBytes: bytes,
  connections,
})

test('goals are met or missed against the peers that took part, and left out for others', () => {
  const measurements = [
    turn('churn', 'weft', 1, { perSecond: 6000 }),
    turn('churn', 'haproxy', 1, { perSecond: 1000 }),
    turn('churn', 'ztunnel', 1, { perSecond: 7000 }),
    turn('memory-idle', 'weft', 1, memory(31e6, 0)),
  ]
  expect(goals(toRecords(measurements), measurements)).toEqual([
    {
      goal: "churn perSecond: at least 5 times haproxy's",
      measured: expect.stringContaining('6.00 times'),
      met: true,
    },
    {
      goal: "churn perSecond: at least ztunnel's",
      measured: expect.stringContaining('0.857 times'),
      met: false,
    },
    { goal: 'memory-idle privateBytes: under 30.0 MB', measured: '31.0 MB', met: false },
  ])
})

test('a connection costs what it adds to an idle proxy, over those that were really held', () => {
  const measurements = [
    turn('memory-idle', 'weft', 1, memory(20e6, 0)),
    turn('memory-10000', 'weft', 1, memory(20e6 + 9750 * 12e3, 9750)),
  ]
  expect(bytesPerConnection('weft', 'memory-10000', measurements)).toBe(12e3)
  expect(bytesPerConnection('weft', 'memory-1000', measurements)).toBeUndefined()
})
