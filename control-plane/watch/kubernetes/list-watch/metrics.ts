import { Counter, Gauge, type Registry } from '#runtime/metrics.ts'

export interface WatchMetrics {
  readonly objects: Gauge<'kind'>
  readonly events: Counter<'kind' | 'type'>
  readonly lists: Counter<'kind'>
  readonly failures: Counter<'kind'>
  readonly missed: Counter<'kind'>
}

export function watchMetrics(registry: Registry): WatchMetrics {
  const registers = [registry]
  return {
    objects: new Gauge({
      name: 'weft_kubernetes_objects',
      help: 'Objects of the API server that are kept, by kind.',
      labelNames: ['kind'],
      registers,
    }),
    events: new Counter({
      name: 'weft_kubernetes_watch_events_total',
      help: 'Events that watches told of, by kind and type.',
      labelNames: ['kind', 'type'],
      registers,
    }),
    lists: new Counter({
      name: 'weft_kubernetes_lists_total',
      help: 'Times that a kind was listed whole.',
      labelNames: ['kind'],
      registers,
    }),
    failures: new Counter({
      name: 'weft_kubernetes_watch_failures_total',
      help: 'Lists and watches that failed or broke, by kind; each is tried again.',
      labelNames: ['kind'],
      registers,
    }),
    missed: new Counter({
      name: 'weft_kubernetes_watch_missed_total',
      help: 'Changes that a watch should have told of and a later list showed.',
      labelNames: ['kind'],
      registers,
    }),
  }
}
