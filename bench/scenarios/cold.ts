import { exchange } from '../harness/exchange.ts'
import { applicationPorts, type Pair } from '../harness/peer.ts'
import { median } from '../report/statistics.ts'
import type { Sample, Scenario } from './scenario.ts'

/** From the start of a proxy's process until it is ready. */
export const coldStart: Scenario = {
  name: 'cold-start',
  proxiesOnly: true,
  async measure({ proxies }: Pair): Promise<Sample> {
    if (!proxies) throw new Error('a direct pair has no proxies to start')
    const serverMs = await proxies.restart('server')
    const clientMs = await proxies.restart('client')
    return { figures: { clientMs, serverMs, milliseconds: (clientMs + serverMs) / 2 } }
  },
}

/** From dialling a destination that running proxies have never carried anything to, until its answer's first byte. */
export function coldFirstByte(): Scenario {
  const fresh = new WeakMap<Pair, string[]>()
  return {
    name: 'cold-first-byte',
    proxiesOnly: false,
    async measure(pair: Pair): Promise<Sample> {
      const times: number[] = []
      for (let n = 0; n < 3; n++) {
        const targets = fresh.get(pair) ?? []
        if (targets.length === 0) targets.push(...(await newDestinations(pair)))
        fresh.set(pair, targets)
        times.push((await exchange(pair, targets.pop()!, '/answer')).firstByte)
      }
      return { figures: { milliseconds: median(times) } }
    },
  }
}

/** A client's proxy that was started again knows none of the addresses; its code is warm before they are dialled. */
async function newDestinations(pair: Pair): Promise<string[]> {
  await pair.proxies?.restart('client')
  for (let n = 0; n < 50; n++) await exchange(pair, pair.target(applicationPorts.http), '/answer')
  return pair.server.addresses.slice(1).map((address) => pair.target(applicationPorts.http, address))
}
