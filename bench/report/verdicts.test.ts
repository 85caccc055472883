import { describe, expect, test } from 'vitest'
import type { PeerName } from '../harness/peer.ts'
import type { Metric, ResultRecord } from './records.ts'
import { verdicts } from './verdicts.ts'

describe('verdicts', () => {
  test('less latency wins, and by how much', () => {
    expect(between('p50AddedMs', [2, 2.1, 2.2], [4, 4.2, 4.4])).toMatchObject({ outcome: 'wins', factor: 2 })
    expect(between('p50AddedMs', [4, 4.2, 4.4], [2, 2.1, 2.2])).toMatchObject({ outcome: 'loses', factor: 2 })
  })

  test('more throughput wins', () => {
    expect(between('perSecond', [90, 100, 110], [20, 25, 30])).toMatchObject({ outcome: 'wins', factor: 4 })
    expect(between('bytesPerSecond', [20, 25, 30], [90, 100, 110])).toMatchObject({ outcome: 'loses' })
  })

  test('halves that overlap decide nothing', () => {
    expect(between('perSecond', [90, 100, 110], [105, 120, 130])).toMatchObject({ outcome: 'even' })
  })

  test('two rounds decide only what is far apart', () => {
    expect(between('perSecond', [100, 101, 102], [110, 111, 112], 2)).toMatchObject({ outcome: 'even' })
    expect(between('perSecond', [100, 101, 102], [110, 111, 112], 3)).toMatchObject({ outcome: 'loses' })
    expect(between('perSecond', [100, 101, 102], [200, 201, 202], 2)).toMatchObject({ outcome: 'loses' })
  })

  test('there is no factor to a value below zero', () => {
    const { factor, outcome } = between('p99AddedMs', [1, 2, 3], [-3, -2, -1])
    expect({ factor, outcome }).toEqual({ factor: undefined, outcome: 'loses' })
  })

  test('nobody is compared with the direct connection', () => {
    expect(
      verdicts([record('weft', 'perSecond', [1, 2, 3]), record('direct', 'perSecond', [7, 8, 9])]),
    ).toEqual([])
  })
})

type Quartiles = readonly [p25: number, median: number, p75: number]

function between(metric: Metric, weft: Quartiles, haproxy: Quartiles, rounds = 5) {
  return verdicts([record('weft', metric, weft, rounds), record('haproxy', metric, haproxy, rounds)])[0]!
}

function record(peer: PeerName, metric: Metric, [p25, median, p75]: Quartiles, rounds = 5): ResultRecord {
  return { scenario: 'churn', peer, metric, unit: '', p25, median, p75, rounds }
}
