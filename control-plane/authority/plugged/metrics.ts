import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'

export interface PluggedMetrics {
  accepted(): void
  refused(): void
}

export function pluggedMetrics(registry: Registry): PluggedMetrics {
  const registers = [registry]
  const rejected = new Gauge({
    name: 'weft_plugged_ca_rejected',
    help: '1 while the certificate authority that is plugged in is refused, and the last good one is used.',
    registers,
  })
  const loads = new Counter({
    name: 'weft_plugged_ca_loads_total',
    help: 'Times that another certificate authority was plugged in, by what became of it.',
    labelNames: ['result'],
    registers,
  })
  return {
    accepted() {
      rejected.set(0)
      loads.inc({ result: 'accepted' })
    },
    refused() {
      rejected.set(1)
      loads.inc({ result: 'rejected' })
    },
  }
}
