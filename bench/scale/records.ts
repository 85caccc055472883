import { type Spread, spread } from '../report/statistics.ts'

export const scenarioNames = [
  'push-namespace',
  'push-mesh',
  'sidecar-100',
  'sidecar-1000',
  'sidecar-10000',
  'node-10',
] as const
export type ScenarioName = (typeof scenarioNames)[number]

export const units = {
  p50Ms: 'ms',
  p99Ms: 'ms',
  cores: 'cores',
  privateBytes: 'B',
  proportionalBytes: 'B',
  milliseconds: 'ms',
} as const
export type Metric = keyof typeof units

/** One round of one scenario, as it is kept in `raw.jsonl`. */
export interface Round {
  readonly scenario: ScenarioName
  /** From 1. */
  readonly round: number
  /** When it was over, ISO 8601. */
  readonly at: string
  readonly figures: Readonly<Partial<Record<Metric, number>>>
  /** What helps to judge the figures, and is no result. */
  readonly circumstances: Readonly<Record<string, number>>
}

/** An entry of `results.json`. */
export interface ResultRecord extends Spread {
  readonly scenario: ScenarioName
  readonly peer: 'weft'
  readonly metric: Metric
  readonly unit: string
}

/** One record for each scenario and metric that some round has, in the order of the lists of names. */
export function toRecords(rounds: readonly Round[]): ResultRecord[] {
  return scenarioNames.flatMap((scenario) => {
    const own = rounds.filter((round) => round.scenario === scenario)
    return metricNames.flatMap((metric) => {
      const condensed = spread(own.flatMap(({ figures }) => figures[metric] ?? []))
      return condensed ? [{ scenario, peer: 'weft' as const, metric, unit: units[metric], ...condensed }] : []
    })
  })
}

const metricNames = Object.keys(units) as Metric[]
