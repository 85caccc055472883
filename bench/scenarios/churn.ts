import { churnLoad } from '#test/harness/wrk.ts'
import { applicationPorts, type Pair } from '../harness/peer.ts'
import { withProcessorCost } from '../harness/with-processor-cost.ts'
import { InvalidMeasurement, type Sample, type Scenario } from './scenario.ts'

const connections = 16

/** A new connection for every request, as many as it takes; `duration` in seconds. */
export function churn({ duration }: { readonly duration: number }): Scenario {
  return {
    name: 'churn',
    proxiesOnly: false,
    async measure(pair: Pair): Promise<Sample> {
      const url = `http://${pair.target(applicationPorts.http)}/answer`
      const { result, micros } = await withProcessorCost(pair, () => {
        return churnLoad(pair.client, { url, connections, duration })
      })
      if (result.failed > 0) throw new InvalidMeasurement(`${result.failed} connections or answers failed`)
      return {
        figures: {
          perSecond: result.perSecond,
          ...(micros && {
            clientCpuMicrosPerRequest: micros.client / result.requests,
            serverCpuMicrosPerRequest: micros.server / result.requests,
          }),
        },
      }
    },
  }
}
