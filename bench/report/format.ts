import type { Metric } from './records.ts'

/** A value in the unit that a reader expects of it, e.g. `0.26 ms`, `2 860 /s`, `1.31 GB/s`, `23.4 MB`. */
export function formatValue(metric: Metric, value: number): string {
  switch (metric) {
    case 'p50AddedMs':
    case 'p99AddedMs':
    case 'milliseconds':
      return `${significant(value)} ms`
    case 'perSecond':
      return `${grouped(value)} /s`
    case 'bytesPerSecond':
      return `${significant(value / 1e9)} GB/s`
    case 'cpuMicrosPerRequest':
      return `${significant(value)} µs`
    case 'cpuSecondsPerGigabyte':
      return `${significant(value)} s/GB`
    case 'privateBytes':
    case 'proportionalBytes':
      return `${significant(value / 1e6)} MB`
  }
}

/** Three digits, fewer where they would be zeros after the point, more before it. */
export function significant(value: number): string {
  const magnitude = Math.abs(value)
  if (magnitude >= 1000) return grouped(value)
  if (magnitude >= 100) return value.toFixed(0)
  if (magnitude >= 10) return value.toFixed(1)
  return value.toFixed(magnitude >= 1 ? 2 : 3)
}

/** Whole, with a thin space between groups of three digits. */
function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

export const metricWords: Readonly<Record<Metric, string>> = {
  p50AddedMs: 'added p50',
  p99AddedMs: 'added p99',
  perSecond: 'per second',
  bytesPerSecond: 'throughput',
  cpuMicrosPerRequest: 'processor time a request',
  cpuSecondsPerGigabyte: 'processor time a gigabyte',
  privateBytes: 'private memory',
  proportionalBytes: 'proportional memory',
  milliseconds: 'time',
}
