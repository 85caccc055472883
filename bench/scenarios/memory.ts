import { setTimeout as sleep } from 'node:timers/promises'
import { exchange } from '../harness/exchange.ts'
import { connectionsThatFit } from '../harness/open-files.ts'
import { applicationPorts, type Pair, type Proxies } from '../harness/peer.ts'
import { memoryOf } from '../harness/process-cost.ts'
import { holdConnections } from '../load/hold.ts'
import type { Sample, Scenario } from './scenario.ts'

export interface MemoryOptions {
  /** Open connections that are idle. */
  readonly connections: 0 | 1000 | 10_000
  /** Milliseconds before memory is read. */
  readonly settle: number
}

/** Memory of proxies that have just been started, have carried one request, and hold idle connections. */
export function memory({ connections, settle }: MemoryOptions): Scenario {
  return {
    name: connections === 0 ? 'memory-idle' : `memory-${connections}`,
    proxiesOnly: true,
    async measure(pair: Pair): Promise<Sample> {
      const { proxies } = pair
      if (!proxies) throw new Error('a direct pair has no proxies whose memory could be read')
      for (const side of ['server', 'client'] as const) await proxies.restart(side)
      await exchange(pair, pair.target(applicationPorts.http), '/answer')
      const target = pair.target(applicationPorts.hold)
      const count = connectionsThatFit(connections)
      const holding = count > 0 ? await holdConnections(pair.client, { target, count }) : undefined
      await sleep(settle)
      const figures = { ...figuresOf(proxies), connections: count }
      await holding?.kill()
      return { figures }
    },
  }
}

function figuresOf(proxies: Proxies): Sample['figures'] {
  const client = memoryOf(proxies.pid('client'))
  const server = memoryOf(proxies.pid('server'))
  return {
    clientPrivateBytes: client.privateBytes,
    serverPrivateBytes: server.privateBytes,
    clientProportionalBytes: client.proportionalBytes,
    serverProportionalBytes: server.proportionalBytes,
  }
}
