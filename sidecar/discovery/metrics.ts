import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'

export type DiscoveryMetrics = ReturnType<typeof discoveryMetrics>

export function discoveryMetrics(registry: Registry) {
  const registers = [registry]
  return {
    connected: new Gauge({
      name: 'weft_discovery_connected',
      help: '1 while the stream to the control plane is up',
      registers,
    }),
    responses: new Counter({
      name: 'weft_discovery_responses_total',
      help: 'Responses of the control plane, by resource type',
      labelNames: ['type'],
      registers,
    }),
    refused: new Counter({
      name: 'weft_discovery_refused_total',
      help: 'Resources that could not be used; the last good version of each stays',
      labelNames: ['type'],
      registers,
    }),
  }
}
