import { describe, expect, test } from 'vitest'
import { parseWrk } from '#test/harness/wrk.ts'
import { parseIperf } from './iperf.ts'
import { parseSummary } from './k6.ts'
import { parseRedis } from './redis.ts'

describe('wrk', () => {
  const result = '  51520 requests in 3.00s, 62.1MB read\n'

  test('tells how many a second', () => {
    expect(parseWrk(`${result}Requests/sec:  17204.39\n`)).toEqual({
      requests: 51_520,
      perSecond: 17_204.39,
      failed: 0,
    })
  })

  test('failures of every kind count', () => {
    const text = `${result}  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n`
    expect(parseWrk(`${text}Requests/sec:  17.5\n`).failed).toBe(15)
  })

  test('without a result is an error', () => {
    expect(() => parseWrk('unable to connect')).toThrow('wrk wrote no result: unable to connect')
  })
})

describe('iperf3', () => {
  test('what arrived counts', () => {
    const text = JSON.stringify({ end: { sum_received: { bytes: 1000, bits_per_second: 16_000 } } })
    expect(parseIperf(text)).toEqual({ bytes: 1000, bytesPerSecond: 2000 })
  })

  test('an error is told', () => {
    expect(() => parseIperf('{ "error": "unable to connect" }')).toThrow('iperf3: unable to connect')
    expect(() => parseIperf('garbage')).toThrow('iperf3 wrote no result: garbage')
  })
})

describe('redis-benchmark', () => {
  test('columns are found by their names', () => {
    const header =
      '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms"'
    expect(parseRedis(`${header}\n"GET","88495.58","0.102","0.024","0.103","0.151","0.255"\n`)).toEqual({
      perSecond: 88_495.58,
      p50: 0.103,
      p99: 0.255,
    })
  })

  test('without a result is an error', () => {
    expect(() => parseRedis('Could not connect')).toThrow('redis-benchmark wrote no result')
  })
})

describe('k6', () => {
  const metrics = {
    http_reqs: { values: { count: 120 } },
    'http_reqs{phase:measured}': { values: { count: 100 } },
    'http_req_duration{phase:measured}': { values: { avg: 2, 'p(50)': 1, 'p(99.9)': 9 } },
    http_req_failed: { values: { rate: 0.025, passes: 3, fails: 117 } },
    dropped_iterations: { values: { count: 7 } },
  }

  test('its summary becomes percentiles and counts', () => {
    expect(parseSummary(`\n${JSON.stringify(metrics)}\n`)).toEqual({
      percentiles: { '50': 1, '99.9': 9 },
      measured: 100,
      requests: 120,
      failed: 3,
      dropped: 7,
    })
  })

  test('a run in which nothing was measured has no requests', () => {
    expect(parseSummary('{}')).toEqual({ percentiles: {}, measured: 0, requests: 0, failed: 0, dropped: 0 })
  })

  test('without a summary is an error', () => {
    expect(() => parseSummary('level=error')).toThrow('k6 wrote no summary')
  })
})
