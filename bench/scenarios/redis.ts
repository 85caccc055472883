import { applicationPorts, type Pair } from '../harness/peer.ts'
import { withProcessorCost } from '../harness/with-processor-cost.ts'
import { redisLoad } from '../load/redis.ts'
import type { Sample, Scenario } from './scenario.ts'

const connections = 16

/** Small questions and answers as fast as they go, one at a time on each connection. */
export function redis({ requests }: { readonly requests: number }): Scenario {
  return {
    name: 'redis',
    proxiesOnly: false,
    async measure(pair: Pair): Promise<Sample> {
      const target = pair.target(applicationPorts.redis)
      const { result, micros } = await withProcessorCost(pair, () => {
        return redisLoad(pair.client, { target, connections, requests })
      })
      return {
        figures: {
          perSecond: result.perSecond,
          p50Ms: result.p50,
          p99Ms: result.p99,
          ...(micros && {
            clientCpuMicrosPerRequest: micros.client / requests,
            serverCpuMicrosPerRequest: micros.server / requests,
          }),
        },
      }
    },
  }
}
