import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'

export interface RegistryMetrics {
  readonly rejected: Gauge
  readonly loads: Counter<'result'>
}

export function registryMetrics(registry: Registry): RegistryMetrics {
  const registers = [registry]
  return {
    rejected: new Gauge({
      name: 'weft_registry_rejected',
      help: '1 while what the registry says is refused and the last good state is used, else 0.',
      registers,
    }),
    loads: new Counter({
      name: 'weft_registry_loads_total',
      help: 'States of the registry that were read, by result: accepted or rejected.',
      labelNames: ['result'],
      registers,
    }),
  }
}
