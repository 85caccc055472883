import { applicationPorts, type Pair } from '../harness/peer.ts'
import { withProcessorCost } from '../harness/with-processor-cost.ts'
import { bulkLoad } from '../load/iperf.ts'
import { InvalidMeasurement, type Sample, type Scenario } from './scenario.ts'

/** As many bytes as pass, first to the server and then from it; `duration` in seconds for each direction. */
export function bulk({
  streams,
  duration,
}: {
  readonly streams: 1 | 8
  readonly duration: number
}): Scenario {
  return {
    name: `bulk-${streams}`,
    proxiesOnly: false,
    async measure(pair: Pair): Promise<Sample> {
      const target = pair.target(applicationPorts.iperf)
      const run = (direction: 'upload' | 'download') => {
        return bulkLoad(pair.client, { target, streams, duration, direction })
      }
      const { result, micros } = await withProcessorCost(pair, async () => {
        return { upload: await run('upload'), download: await run('download') }
      })
      const { upload, download } = result
      const gigabytes = (upload.bytes + download.bytes) / 1e9
      if (upload.bytes === 0 || download.bytes === 0) throw new InvalidMeasurement('no byte arrived')
      return {
        figures: {
          uploadBytesPerSecond: upload.bytesPerSecond,
          downloadBytesPerSecond: download.bytesPerSecond,
          bytesPerSecond: (upload.bytesPerSecond + download.bytesPerSecond) / 2,
          ...(micros && {
            clientCpuSecondsPerGigabyte: micros.client / 1e6 / gigabytes,
            serverCpuSecondsPerGigabyte: micros.server / 1e6 / gigabytes,
          }),
        },
      }
    },
  }
}
