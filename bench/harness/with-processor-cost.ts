import type { Pair, Side } from './peer.ts'
import { processorMicroseconds } from './process-cost.ts'

export interface Costed<T> {
  readonly result: T
  /** Processor time in microseconds of each proxy meanwhile; undefined without proxies. */
  readonly micros: Readonly<Record<Side, number>> | undefined
}

/** Does some work and tells what processor time each proxy had meanwhile. */
export async function withProcessorCost<T>({ proxies }: Pair, work: () => Promise<T>): Promise<Costed<T>> {
  if (!proxies) return { result: await work(), micros: undefined }
  const now = () => ({
    client: processorMicroseconds(proxies.pid('client')),
    server: processorMicroseconds(proxies.pid('server')),
  })
  const before = now()
  const result = await work()
  const after = now()
  return { result, micros: { client: after.client - before.client, server: after.server - before.server } }
}
