import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'
import { publishedTypes } from '../model/type-urls.ts'
import type { DiscoveryResponse } from './response.ts'

/** What pushing configuration counts. Types that nobody publishes are one label, so that clients invent none. */
export interface PushMetrics {
  readonly streams: Gauge
  readonly refusedStreams: Counter<'reason'>
  sent(response: DiscoveryResponse): void
  refused(type: string): void
}

export function pushMetrics(registry: Registry): PushMetrics {
  const registers = [registry]
  const labelNames = ['type'] as const
  const responses = new Counter({
    name: 'weft_push_responses_total',
    help: 'Responses sent to clients, by resource type.',
    labelNames,
    registers,
  })
  const resources = new Counter({
    name: 'weft_push_resources_total',
    help: 'Resources sent to clients or removed from them, by resource type.',
    labelNames,
    registers,
  })
  const nacks = new Counter({
    name: 'weft_push_nacks_total',
    help: 'Responses that clients refused, at least in part, by resource type.',
    labelNames,
    registers,
  })
  return {
    streams: new Gauge({ name: 'weft_push_streams', help: 'Clients that have a stream open.', registers }),
    refusedStreams: new Counter({
      name: 'weft_push_streams_refused_total',
      help: 'Streams refused before they began, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    sent({ type, resources: changed, removed }) {
      responses.inc({ type: label(type) })
      resources.inc({ type: label(type) }, changed.length + removed.length)
    },
    refused: (type) => nacks.inc({ type: label(type) }),
  }
}

function label(type: string): string {
  return publishedTypes.find((known) => known === type)?.replace('type.googleapis.com/', '') ?? 'other'
}
