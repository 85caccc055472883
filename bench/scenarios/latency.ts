import type { Pair } from '../harness/peer.ts'
import { applicationPorts } from '../harness/peer.ts'
import { withProcessorCost } from '../harness/with-processor-cost.ts'
import { type SteadyResult, steadyLoad } from '../load/k6.ts'
import { InvalidMeasurement, type Sample, type Scenario } from './scenario.ts'

export interface LatencyOptions {
  readonly k6: string
  readonly rate: 200 | 1000 | 2000
  /** Seconds. */
  readonly warmUp: number
  readonly duration: number
}

/** 1 KB answers over kept-open connections at a constant rate, whether or not the answers keep up. */
export function latency({ k6, rate, warmUp, duration }: LatencyOptions): Scenario {
  return {
    name: `latency-${rate}`,
    proxiesOnly: false,
    async measure(pair: Pair): Promise<Sample> {
      const url = `http://${pair.target(applicationPorts.http)}/answer`
      const load = { k6, url, rate, warmUp, duration, connections: connectionsFor(rate) }
      const { result, micros } = await withProcessorCost(pair, () => steadyLoad(pair.client, load))
      assertValid(result, rate * duration)
      const { percentiles, requests, measured } = result
      return {
        figures: {
          p50Ms: percentiles['50']!,
          p99Ms: percentiles['99']!,
          perSecond: measured / duration,
          ...(micros && {
            clientCpuMicrosPerRequest: micros.client / requests,
            serverCpuMicrosPerRequest: micros.server / requests,
          }),
        },
        percentiles,
      }
    },
  }
}

/** Enough that a pause of tens of milliseconds finds a free connection for every request that is due. */
function connectionsFor(rate: number): number {
  return Math.max(16, rate / 25)
}

function assertValid({ measured, failed, dropped }: SteadyResult, intended: number): void {
  if (failed > 0) throw new InvalidMeasurement(`${failed} requests failed`)
  if (measured >= intended * 0.99) return
  throw new InvalidMeasurement(`only ${measured} of ${intended} requests, ${dropped} could not begin in time`)
}
