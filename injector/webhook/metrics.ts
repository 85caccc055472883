import { doorMetrics } from '#runtime/door-metrics.ts'
import { Counter, Gauge, Histogram, type Registry } from '#runtime/metrics.ts'

export type WebhookMetrics = ReturnType<typeof webhookMetrics>

export function webhookMetrics(registry: Registry) {
  const registers = [registry]
  return {
    reviews: new Counter({
      name: 'weft_injector_reviews_total',
      help: 'Reviews by what became of the pod: injected, skipped, refused; or garbage, failed',
      labelNames: ['result'],
      registers,
    }),
    duration: new Histogram({
      name: 'weft_injector_review_seconds',
      help: 'How long reviews took; the API server waits five seconds',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 5],
      registers,
    }),
    connections: doorMetrics(registry, {
      open: 'weft_injector_connections',
      refused: 'weft_injector_connections_refused_total',
      server: 'the webhook',
    }),
    certificateFailures: new Counter({
      name: 'weft_injector_certificate_failures_total',
      help: 'Failed attempts to obtain the serving certificate',
      registers,
    }),
    certificateExpiry: new Gauge({
      name: 'weft_injector_certificate_expiry_timestamp_seconds',
      help: 'When the serving certificate ends, in seconds since the epoch',
      registers,
    }),
  }
}
