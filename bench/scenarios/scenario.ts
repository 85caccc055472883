import type { Pair } from '../harness/peer.ts'

export const scenarioNames = [
  'latency-200',
  'latency-1000',
  'latency-2000',
  'churn',
  'bulk-1',
  'bulk-8',
  'redis',
  'memory-idle',
  'memory-1000',
  'memory-10000',
  'cold-start',
  'cold-first-byte',
] as const
export type ScenarioName = (typeof scenarioNames)[number]

/** What a measurement may tell; figures of a proxy process carry its side. */
export type Figure =
  | 'p50Ms'
  | 'p99Ms'
  | 'perSecond'
  | 'bytesPerSecond'
  | 'uploadBytesPerSecond'
  | 'downloadBytesPerSecond'
  | 'clientCpuMicrosPerRequest'
  | 'serverCpuMicrosPerRequest'
  | 'clientCpuSecondsPerGigabyte'
  | 'serverCpuSecondsPerGigabyte'
  | 'clientPrivateBytes'
  | 'serverPrivateBytes'
  | 'clientProportionalBytes'
  | 'serverProportionalBytes'
  | 'clientMs'
  | 'serverMs'
  | 'milliseconds'
  /** How many were open, where fewer fit than the scenario's name says. */
  | 'connections'

export interface Sample {
  readonly figures: Readonly<Partial<Record<Figure, number>>>
  /** Milliseconds by percentile, where latency was measured. */
  readonly percentiles?: Readonly<Record<string, number>>
}

/** One thing that is measured the same way on every pair. */
export interface Scenario {
  readonly name: ScenarioName
  /** What only a proxy has, such as its memory, is not measured on the direct pair. */
  readonly proxiesOnly: boolean
  /** Measures a pair that is otherwise at rest; rejects with InvalidMeasurement when the result would mislead. */
  measure(pair: Pair): Promise<Sample>
}

/** The load could not be applied as intended, so what was measured must not be compared. */
export class InvalidMeasurement extends Error {
  override readonly name = 'InvalidMeasurement'
}
