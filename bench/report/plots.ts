import { peerNames } from '../harness/peer.ts'
import type { ScenarioName } from '../scenarios/scenario.ts'
import { barChart } from './bar-chart.ts'
import { formatValue } from './format.ts'
import { isValid, type Measurement } from './measurement.ts'
import { type PercentileLine, percentileChart } from './percentile-chart.ts'
import type { Metric, ResultRecord } from './records.ts'
import { median } from './statistics.ts'

export interface Plot {
  /** Name of its file. */
  readonly file: string
  readonly title: string
  readonly svg: string
}

/** Every plot that the run has figures for. */
export function plots(records: readonly ResultRecord[], measurements: readonly Measurement[]): Plot[] {
  const rates = [200, 1000, 2000] as const
  return [
    ...rates.flatMap((rate) => percentiles(rate, measurements)),
    ...bars('added-latency', 'Added latency, p50', records, 'p50AddedMs', latencyScenarios),
    ...bars('added-latency-p99', 'Added latency, p99', records, 'p99AddedMs', latencyScenarios),
    ...bars('processor', 'Processor time of each proxy, a request', records, 'cpuMicrosPerRequest', [
      ...latencyScenarios,
      'redis',
    ]),
    ...bars('processor-bulk', 'Processor time of each proxy, a gigabyte', records, 'cpuSecondsPerGigabyte', [
      'bulk-1',
      'bulk-8',
    ]),
    ...bars('churn', 'New connections a second', records, 'perSecond', ['churn']),
    ...bars('bulk', 'Bulk throughput', records, 'bytesPerSecond', ['bulk-1', 'bulk-8']),
    ...bars('memory', 'Private memory of a proxy', records, 'privateBytes', [
      'memory-idle',
      'memory-1000',
      'memory-10000',
    ]),
    ...bars('cold', 'Cold', records, 'milliseconds', ['cold-start', 'cold-first-byte']),
  ]
}

const latencyScenarios = ['latency-200', 'latency-1000', 'latency-2000'] as const

function percentiles(rate: 200 | 1000 | 2000, measurements: readonly Measurement[]): Plot[] {
  const turns = measurements.filter(isValid).filter(({ scenario }) => scenario === `latency-${rate}`)
  const lines = peerNames.flatMap((peer): PercentileLine[] => {
    const samples = turns.filter((turn) => turn.peer === peer).map(({ outcome }) => outcome.percentiles ?? {})
    const points = Object.keys(samples[0] ?? {}).map((percentile) => ({
      percentile: Number(percentile),
      milliseconds: median(samples.flatMap((sample) => sample[percentile] ?? [])),
    }))
    return points.length > 0 ? [{ peer, points }] : []
  })
  if (lines.length === 0) return []
  const title = `Latency at ${rate} requests a second`
  return [{ file: `latency-${rate}.svg`, title, svg: percentileChart(title, lines) }]
}

function bars(
  name: string,
  title: string,
  records: readonly ResultRecord[],
  metric: Metric,
  scenarios: readonly ScenarioName[],
): Plot[] {
  const groups = scenarios
    .map((scenario) => ({
      name: scenario,
      bars: records.filter((record) => record.metric === metric && record.scenario === scenario),
    }))
    .filter(({ bars }) => bars.length > 0)
  if (groups.length === 0) return []
  return [{ file: `${name}.svg`, title, svg: barChart(title, groups, (value) => formatValue(metric, value)) }]
}
