import { Counter, Gauge, type Registry } from './metrics.ts'

export interface DoorMetrics {
  readonly open: Gauge
  readonly refused: Counter<'reason'>
}

export interface DoorMetricNames {
  readonly open: string
  readonly refused: string
  /** Whose door it is, for the help: `the control plane`. */
  readonly server: string
}

export function doorMetrics(registry: Registry, { open, refused, server }: DoorMetricNames): DoorMetrics {
  const registers = [registry]
  return {
    open: new Gauge({
      name: open,
      help: `Connections to ${server} that are open, whether anybody called on them or not.`,
      registers,
    }),
    refused: new Counter({
      name: refused,
      help: `Connections to ${server} that were reset because there were too many, by reason.`,
      labelNames: ['reason'],
      registers,
    }),
  }
}
