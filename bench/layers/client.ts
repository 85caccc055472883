// The dialling end of a layer, a process of its own; runs the loads that it is told to.
import type { PlainContext } from '#sidecar/tunnel/frames/testing/contexts.ts'
import { costs } from './costs.ts'
import { type Carrier, dial, type LayerName } from './ends.ts'
import { bulk, churn, closedLoop, openLoop } from './loads.ts'

export interface ClientStart {
  readonly layer: LayerName
  readonly client: PlainContext
  readonly server: PlainContext
  readonly host: string
}

export type Load =
  | { readonly kind: 'closed'; readonly streams: number; readonly seconds: number }
  | { readonly kind: 'open'; readonly streams: number; readonly rate: number; readonly seconds: number }
  | { readonly kind: 'churn'; readonly streams: number; readonly seconds: number }
  | {
      readonly kind: 'bulk'
      readonly direction: 'upload' | 'download'
      readonly streams: number
      readonly bytes: number
    }
  /** Opens so many tunnels, and on the second call so many streams on each, which stay. */
  | { readonly kind: 'tunnels'; readonly count: number }
  | { readonly kind: 'idle'; readonly streams: number }

export interface LoadResult {
  /** Requests a second, or bytes. */
  readonly perSecond: number
  readonly p50?: number
  readonly p90?: number
  readonly p99?: number
  /** Requests, or bytes. */
  readonly amount: number
}

let start: ClientStart
let carrier: Carrier
let idleCarriers: Carrier[] = []

process.on('message', (message: ClientStart | Load | 'costs') => {
  if (message === 'costs') {
    process.send!(costs())
    return
  }
  const done = 'layer' in message ? begin(message) : run(message)
  done.then(
    (result) => process.send!(result),
    (error: unknown) => {
      throw error
    },
  )
})
process.on('disconnect', () => process.exit())

async function begin(given: ClientStart): Promise<'connected'> {
  start = given
  carrier = await dialOne()
  return 'connected'
}

function dialOne(): Promise<Carrier> {
  return dial(start.layer, start.client, start.server, start.host)
}

async function run(load: Load): Promise<LoadResult> {
  switch (load.kind) {
    case 'closed':
      return summary(await closedLoop(carrier, load.streams, load.seconds))
    case 'open':
      return summary(await openLoop(carrier, load.streams, load.rate, load.seconds))
    case 'churn':
      return summary(await churn(carrier, load.streams, load.seconds))
    case 'bulk': {
      const { bytes, seconds } = await bulk(carrier, load.direction, load.streams, load.bytes)
      return { perSecond: bytes / seconds, amount: bytes }
    }
    case 'tunnels':
      idleCarriers = await Promise.all(Array.from({ length: load.count }, dialOne))
      return { perSecond: 0, amount: load.count }
    case 'idle': {
      for (const idle of idleCarriers) await closedLoopOnce(idle, load.streams)
      return { perSecond: 0, amount: load.streams * idleCarriers.length }
    }
  }
}

const kept: unknown[] = []

/** One exchange on each stream, which stays open. */
async function closedLoopOnce(over: Carrier, streams: number): Promise<void> {
  for (let i = 0; i < streams; i++) {
    const leg = await over.open('echo')
    await new Promise<void>((resolve) => {
      let left = 1_024
      const data = (bytes: Buffer): void => {
        left -= bytes.length
        if (left === 0) resolve()
      }
      leg.read({ data, ended: () => {}, aborted: () => {}, drained: () => {}, closed: () => {} })
      leg.resume()
      leg.write(Buffer.alloc(1_024))
    })
    kept.push(leg)
  }
}

function summary({ latencies, seconds }: { latencies: number[]; seconds: number }): LoadResult {
  const sorted = Float64Array.from(latencies).sort()
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return {
    perSecond: sorted.length / seconds,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    amount: sorted.length,
  }
}
