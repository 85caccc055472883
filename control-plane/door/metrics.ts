import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'

export interface DoorMetrics {
  readonly open: Gauge
  readonly refused: Counter<'reason'>
}

export function doorMetrics(registry: Registry): DoorMetrics {
  const registers = [registry]
  return {
    open: new Gauge({
      name: 'weft_control_plane_connections',
      help: 'Connections to the control plane that are open, whether anybody called on them or not.',
      registers,
    }),
    refused: new Counter({
      name: 'weft_control_plane_connections_refused_total',
      help: 'Connections to the control plane that were reset at once, by reason.',
      labelNames: ['reason'],
      registers,
    }),
  }
}
