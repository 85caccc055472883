import { type ChildProcess, fork } from 'node:child_process'
import type { PlainContext } from '#sidecar/tunnel/frames/testing/contexts.ts'
import type { ClientStart, Load, LoadResult } from './client.ts'
import type { Costs } from './costs.ts'
import type { LayerName } from './ends.ts'
import type { ServerStart } from './server.ts'

/** One figure of one visit to one layer. */
export type Figures = Record<string, number>

export interface Durations {
  /** Of each latency and churn load. */
  readonly seconds: number
  /** Of each bulk load. */
  readonly bytes: number
  /** Loads whose names begin otherwise are left out. */
  readonly only: string
}

/** Measures one layer once, in two new processes. */
export async function visit(
  layer: LayerName,
  contexts: { readonly client: PlainContext; readonly server: PlainContext },
  host: string,
  { seconds, bytes, only }: Durations,
): Promise<Figures> {
  using server = new End('server')
  using client = new End('client')
  await server.ask({ layer, context: contexts.server, host } satisfies ServerStart)
  await client.ask({ layer, ...contexts, host } satisfies ClientStart)
  const figures: Figures = {}

  const run = async (load: Load): Promise<LoadResult & { client: number; server: number }> => {
    const [clientBefore, serverBefore] = [await client.costs(), await server.costs()]
    const result = (await client.ask(load)) as LoadResult
    const [clientAfter, serverAfter] = [await client.costs(), await server.costs()]
    return {
      ...result,
      client: clientAfter.cpuMicros - clientBefore.cpuMicrosAfter,
      server: serverAfter.cpuMicros - serverBefore.cpuMicrosAfter,
    }
  }
  const latency = async (name: string, load: Load): Promise<void> => {
    if (!name.startsWith(only)) return
    const { p50, p90, p99, perSecond, amount, client, server } = await run(load)
    figures[`${name} p50 ms`] = p50!
    figures[`${name} p90 ms`] = p90!
    figures[`${name} p99 ms`] = p99!
    // The open loop's client spins, and its rate is given.
    if (load.kind !== 'open') figures[`${name} per second`] = perSecond
    if (load.kind !== 'open') figures[`${name} client cpu us/request`] = client / amount
    figures[`${name} server cpu us/request`] = server / amount
  }

  await run({ kind: 'closed', streams: 64, seconds })
  await latency('closed-1', { kind: 'closed', streams: 1, seconds })
  await latency('closed-64', { kind: 'closed', streams: 64, seconds })
  await latency('open-1000', { kind: 'open', streams: 64, rate: 1_000, seconds })
  if (layer !== 'tls') await latency('churn-16', { kind: 'churn', streams: 16, seconds })
  for (const streams of [1, 8]) {
    for (const direction of ['upload', 'download'] as const) {
      if (!`bulk-${streams}`.startsWith(only)) continue
      await run({ kind: 'bulk', direction, streams, bytes: bytes / 8 })
      const { perSecond, amount, client, server } = await run({ kind: 'bulk', direction, streams, bytes })
      figures[`bulk-${streams} ${direction} MB/s`] = perSecond / 1e6
      figures[`bulk-${streams} ${direction} client cpu s/GB`] = client / 1e6 / (amount / 1e9)
      figures[`bulk-${streams} ${direction} server cpu s/GB`] = server / 1e6 / (amount / 1e9)
    }
  }
  if (!'idle'.startsWith(only)) return figures
  return { ...figures, ...(await memory(layer, contexts, host.replace(/\d+$/, '99'))) }
}

/** Private memory that each of 1 000 idle streams takes, ten tunnels of a hundred, on each end. */
async function memory(
  layer: LayerName,
  contexts: { readonly client: PlainContext; readonly server: PlainContext },
  host: string,
): Promise<Figures> {
  using server = new End('server')
  using client = new End('client')
  await server.ask({ layer, context: contexts.server, host } satisfies ServerStart)
  await client.ask({ layer, ...contexts, host } satisfies ClientStart)
  await client.ask({ kind: 'closed', streams: 16, seconds: 1 } satisfies Load)
  await client.ask({ kind: 'tunnels', count: 10 } satisfies Load)
  // What the first streams bring with them once is not counted.
  await client.ask({ kind: 'idle', streams: 2 } satisfies Load)
  const [clientBefore, serverBefore] = [await client.costs(), await server.costs()]
  await client.ask({ kind: 'idle', streams: 100 } satisfies Load)
  const [clientAfter, serverAfter] = [await client.costs(), await server.costs()]
  return {
    'idle client KB/stream': (clientAfter.privateBytes - clientBefore.privateBytes) / 1_000 / 1_024,
    'idle server KB/stream': (serverAfter.privateBytes - serverBefore.privateBytes) / 1_000 / 1_024,
  }
}

/** A process of one end, asked one thing at a time. */
class End implements Disposable {
  readonly #process: ChildProcess

  constructor(end: 'client' | 'server') {
    this.#process = fork(new URL(`./${end}.ts`, import.meta.url), { execArgv: ['--expose-gc'] })
  }

  ask(question: object | 'costs'): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const gone = (code: number | null): void => reject(new Error(`a process ended with ${code}`))
      this.#process.once('exit', gone)
      this.#process.once('message', (answer) => {
        this.#process.removeListener('exit', gone)
        resolve(answer)
      })
      this.#process.send(question)
    })
  }

  async costs(): Promise<Costs> {
    return (await this.ask('costs')) as Costs
  }

  [Symbol.dispose](): void {
    this.#process.kill()
  }
}
