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
    questions: new Gauge({
      name: 'weft_discovery_addresses_asked',
      help: 'Addresses that the control plane was asked for by name; 5000 at most',
      registers,
    }),
    unasked: new Counter({
      name: 'weft_discovery_addresses_unasked_total',
      help: 'Connections to unknown addresses that were refused unasked, because too many had been asked for',
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
