import { Registry } from 'prom-client'

export { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** A registry of a process's own metrics; nothing is registered globally. */
export function createMetrics(): Registry {
  return new Registry()
}
