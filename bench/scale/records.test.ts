import { expect, test } from 'vitest'
import { type Round, type ScenarioName, toRecords } from './records.ts'
import { resultTable } from './report.ts'
import { crowd, publishedAddresses } from './sidecars.ts'

const round = (scenario: ScenarioName, n: number, figures: Round['figures']): Round => {
  return { scenario, round: n, at: '2026-11-21T10:00:00.000Z', figures, circumstances: {} }
}

test('rounds become a record for each scenario and metric that they have', () => {
  const records = toRecords([
    round('sidecar-100', 1, { privateBytes: 30e6 }),
    round('push-mesh', 1, { p99Ms: 300, cores: 0.5 }),
    round('push-mesh', 2, { p99Ms: 100, cores: 0.5 }),
    round('push-mesh', 3, { p99Ms: 200, cores: 0.5 }),
  ])
  expect(
    records.map(({ scenario, peer, metric, unit, median, rounds }) => [
      scenario,
      peer,
      metric,
      unit,
      median,
      rounds,
    ]),
  ).toEqual([
    ['push-mesh', 'weft', 'p99Ms', 'ms', 200, 3],
    ['push-mesh', 'weft', 'cores', 'cores', 0.5, 3],
    ['sidecar-100', 'weft', 'privateBytes', 'B', 30e6, 1],
  ])
  expect(resultTable(records)).toContain(
    '| push-mesh | change to last sidecar, p99 | 200 ms | 150 ms to 250 ms | 3 |',
  )
})

test('the crowd has an address each', () => {
  const addresses = crowd(9_999).flatMap((entry) => entry.addresses)
  expect(new Set(addresses).size).toBe(9_999)
})

test('the number of published addresses is read from the metrics', () => {
  const line = 'weft_model_resources{type="istio.workload.Address"} 110\n'
  expect(publishedAddresses(`# HELP x\n${line}other 1\n`)).toBe(110)
  expect(publishedAddresses('')).toBeUndefined()
})
