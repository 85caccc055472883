import { type PeerName, peerNames } from '../harness/peer.ts'
import { type Figure, type ScenarioName, scenarioNames } from '../scenarios/scenario.ts'
import { isValid, type Measurement, type Valid } from './measurement.ts'
import { type Spread, spread } from './statistics.ts'

export type Metric =
  | 'p50AddedMs'
  | 'p99AddedMs'
  | 'perSecond'
  | 'bytesPerSecond'
  | 'cpuMicrosPerRequest'
  | 'cpuSecondsPerGigabyte'
  | 'privateBytes'
  | 'proportionalBytes'
  | 'milliseconds'

/** An entry of `results.json`. */
export interface ResultRecord extends Spread {
  readonly scenario: ScenarioName
  readonly peer: PeerName
  readonly metric: Metric
  readonly unit: string
}

export const units: Readonly<Record<Metric, string>> = {
  p50AddedMs: 'ms',
  p99AddedMs: 'ms',
  perSecond: '1/s',
  bytesPerSecond: 'B/s',
  cpuMicrosPerRequest: 'µs',
  cpuSecondsPerGigabyte: 's/GB',
  privateBytes: 'B',
  proportionalBytes: 'B',
  milliseconds: 'ms',
}

/** Condenses measurements to one record for each scenario, peer and metric, in the order of the lists of names. */
export function toRecords(measurements: readonly Measurement[]): ResultRecord[] {
  const valid = measurements.filter(isValid)
  const records: ResultRecord[] = []
  for (const scenario of scenarioNames) {
    for (const peer of peerNames) {
      const rounds = valid.filter((one) => one.scenario === scenario && one.peer === peer)
      for (const metric of metricNames) {
        const values = rounds.flatMap((one) => valueOf(metric, one, valid) ?? [])
        const condensed = spread(values)
        if (condensed) records.push({ scenario, peer, metric, unit: units[metric], ...condensed })
      }
    }
  }
  return records
}

/**
 * A metric of one turn; undefined where that turn does not have it. What a pair adds to the direct connection is over the
 * direct turn of the same round; what a proxy costs is the mean of the client's and the server's.
 */
export function valueOf(metric: Metric, turn: Valid, all: readonly Valid[]): number | undefined {
  const { figures } = turn.outcome
  switch (metric) {
    case 'p50AddedMs':
      return addedTo('p50Ms', turn, all)
    case 'p99AddedMs':
      return addedTo('p99Ms', turn, all)
    case 'perSecond':
      // At a fixed rate it says nothing about the peer.
      return turn.scenario.startsWith('latency') ? undefined : figures.perSecond
    case 'bytesPerSecond':
      return figures.bytesPerSecond
    case 'cpuMicrosPerRequest':
      return mean(figures.clientCpuMicrosPerRequest, figures.serverCpuMicrosPerRequest)
    case 'cpuSecondsPerGigabyte':
      return mean(figures.clientCpuSecondsPerGigabyte, figures.serverCpuSecondsPerGigabyte)
    case 'privateBytes':
      return mean(figures.clientPrivateBytes, figures.serverPrivateBytes)
    case 'proportionalBytes':
      return mean(figures.clientProportionalBytes, figures.serverProportionalBytes)
    case 'milliseconds':
      return figures.milliseconds
  }
}

/** The direct turn of the same scenario and round. */
export function directOf(turn: Valid, all: readonly Valid[]): Valid | undefined {
  return all.find(
    (one) => one.peer === 'direct' && one.scenario === turn.scenario && one.round === turn.round,
  )
}

function addedTo(figure: Figure, turn: Valid, all: readonly Valid[]): number | undefined {
  if (turn.peer === 'direct') return undefined
  const own = turn.outcome.figures[figure]
  const direct = directOf(turn, all)?.outcome.figures[figure]
  return own === undefined || direct === undefined ? undefined : own - direct
}

function mean(client: number | undefined, server: number | undefined): number | undefined {
  return client === undefined || server === undefined ? undefined : (client + server) / 2
}

const metricNames = Object.keys(units) as Metric[]
