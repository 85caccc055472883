import { describe, expect, test } from 'vitest'
import { toRecords } from './records.ts'
import { invalidTurn, turn } from './testing/turns.ts'

describe('toRecords', () => {
  test('what is added is over the direct turn of the same round', () => {
    const records = toRecords([
      turn('latency-200', 'direct', 1, { p50Ms: 1, p99Ms: 5 }),
      turn('latency-200', 'weft', 1, { p50Ms: 3, p99Ms: 9 }),
      turn('latency-200', 'weft', 2, { p50Ms: 14, p99Ms: 20 }),
      turn('latency-200', 'direct', 2, { p50Ms: 10, p99Ms: 30 }),
    ])
    expect(records).toEqual([
      {
        scenario: 'latency-200',
        peer: 'weft',
        metric: 'p50AddedMs',
        unit: 'ms',
        median: 3,
        p25: 2.5,
        p75: 3.5,
        rounds: 2,
      },
      {
        scenario: 'latency-200',
        peer: 'weft',
        metric: 'p99AddedMs',
        unit: 'ms',
        median: -3,
        p25: -6.5,
        p75: 0.5,
        rounds: 2,
      },
    ])
  })

  test('a round without a valid direct turn adds nothing', () => {
    const records = toRecords([
      invalidTurn('latency-200', 'direct', 1, '3 requests failed'),
      turn('latency-200', 'weft', 1, { p50Ms: 3, p99Ms: 9 }),
    ])
    expect(records).toEqual([])
  })

  test('an invalid turn does not count', () => {
    const records = toRecords([
      turn('churn', 'haproxy', 1, { perSecond: 1000 }),
      invalidTurn('churn', 'haproxy', 2, '1 connections or answers failed'),
    ])
    expect(records).toMatchObject([{ metric: 'perSecond', median: 1000, rounds: 1 }])
  })

  test('what a proxy costs is the mean of both sides', () => {
    const records = toRecords([
      turn('memory-idle', 'weft', 1, {
        clientPrivateBytes: 20,
        serverPrivateBytes: 30,
        clientProportionalBytes: 40,
        serverProportionalBytes: 50,
      }),
      turn('bulk-1', 'weft', 1, {
        bytesPerSecond: 5,
        clientCpuSecondsPerGigabyte: 1,
        serverCpuSecondsPerGigabyte: 2,
      }),
    ])
    expect(records.map(({ metric, median }) => [metric, median])).toEqual([
      ['bytesPerSecond', 5],
      ['cpuSecondsPerGigabyte', 1.5],
      ['privateBytes', 25],
      ['proportionalBytes', 45],
    ])
  })

  test('the rate that was asked for is no result of the peer', () => {
    expect(toRecords([turn('latency-1000', 'weft', 1, { perSecond: 1000 })])).toEqual([])
  })
})
