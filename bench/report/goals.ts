import type { PeerName } from '../harness/peer.ts'
import type { ScenarioName } from '../scenarios/scenario.ts'
import { formatValue, significant } from './format.ts'
import { isValid, type Measurement } from './measurement.ts'
import type { Metric, ResultRecord } from './records.ts'
import { median } from './statistics.ts'

export interface Goal {
  readonly goal: string
  readonly measured: string
  readonly met: boolean
}

/** The project's goals that this run has the figures for. */
export function goals(records: readonly ResultRecord[], measurements: readonly Measurement[]): Goal[] {
  const value = (scenario: ScenarioName, peer: PeerName, metric: Metric) => {
    return records.find(
      (record) => record.scenario === scenario && record.peer === peer && record.metric === metric,
    )?.median
  }
  const against = (
    scenario: ScenarioName,
    metric: Metric,
    rival: PeerName,
    relation: 'at most' | 'at least',
    factor: number,
  ): Goal[] => {
    const [own, other] = [value(scenario, 'weft', metric), value(scenario, rival, metric)]
    if (own === undefined || other === undefined) return []
    const times = factor === 1 ? '' : `${factor} times `
    const ratio = other > 0 ? `, ${significant(own / other)} times` : ''
    return [
      {
        goal: `${scenario} ${metric}: ${relation} ${times}${rival}'s`,
        measured: `${formatValue(metric, own)} against ${formatValue(metric, other)}${ratio}`,
        met: relation === 'at most' ? own <= other * factor : own >= other * factor,
      },
    ]
  }
  const below = (scenario: ScenarioName, metric: Metric, limit: number): Goal[] => {
    const own = value(scenario, 'weft', metric)
    if (own === undefined) return []
    const [goal, measured] = [formatValue(metric, limit), formatValue(metric, own)]
    return [{ goal: `${scenario} ${metric}: under ${goal}`, measured, met: own < limit }]
  }
  const latency = (['latency-200', 'latency-1000', 'latency-2000'] as const).flatMap((scenario) => {
    return (['p50AddedMs', 'p99AddedMs'] as const).flatMap((metric) => [
      ...against(scenario, metric, 'linkerd-opaque', 'at most', 1),
      ...against(scenario, metric, 'linkerd-http2', 'at most', 1),
      ...against(scenario, metric, 'haproxy', 'at most', 1.5),
    ])
  })
  return [
    ...latency,
    ...against('churn', 'perSecond', 'haproxy', 'at least', 5),
    ...against('churn', 'perSecond', 'nginx', 'at least', 5),
    ...against('churn', 'perSecond', 'linkerd-opaque', 'at least', 5),
    ...against('churn', 'perSecond', 'ztunnel', 'at least', 1),
    ...against('bulk-1', 'bytesPerSecond', 'haproxy', 'at least', 1),
    ...against('bulk-8', 'bytesPerSecond', 'haproxy', 'at least', 1),
    ...against('latency-1000', 'cpuMicrosPerRequest', 'linkerd-opaque', 'at most', 1),
    ...against('latency-1000', 'cpuMicrosPerRequest', 'haproxy', 'at most', 1.5),
    ...against('bulk-1', 'cpuSecondsPerGigabyte', 'linkerd-opaque', 'at most', 1),
    ...against('bulk-1', 'cpuSecondsPerGigabyte', 'haproxy', 'at most', 1.5),
    ...below('memory-idle', 'privateBytes', 30e6),
    ...perConnection('memory-1000', measurements),
    ...perConnection('memory-10000', measurements),
    ...below('cold-start', 'milliseconds', 300),
  ]
}

/** Private bytes that each idle connection adds, from the idle proxy's to that of the scenario. */
export function bytesPerConnection(
  peer: PeerName,
  scenario: ScenarioName,
  measurements: readonly Measurement[],
): number | undefined {
  const of = (name: ScenarioName) => {
    return measurements.filter(isValid).filter((one) => one.scenario === name && one.peer === peer)
  }
  const privateBytes = (name: ScenarioName) => {
    return median(
      of(name).map(({ outcome: { figures } }) => {
        return ((figures.clientPrivateBytes ?? 0) + (figures.serverPrivateBytes ?? 0)) / 2
      }),
    )
  }
  const connections = median(of(scenario).map(({ outcome }) => outcome.figures.connections ?? 0))
  const bytes = (privateBytes(scenario) - privateBytes('memory-idle')) / connections
  return Number.isFinite(bytes) ? bytes : undefined
}

function perConnection(scenario: ScenarioName, measurements: readonly Measurement[]): Goal[] {
  const bytes = bytesPerConnection('weft', scenario, measurements)
  if (bytes === undefined) return []
  const limit = 16e3
  const measured = `${significant(bytes / 1e3)} kB`
  return [{ goal: `${scenario}: under 16 kB private a connection`, measured, met: bytes < limit }]
}
