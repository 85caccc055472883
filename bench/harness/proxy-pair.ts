import { httpFrom } from '#test/harness/http.ts'
import type { RunningProcess } from '#test/harness/process.ts'
import { connectFrom } from '#test/harness/socket.ts'
import type { Workload } from '#test/harness/workload.ts'
import type { Proxies, Side } from './peer.ts'
import { readyAfter } from './ready-after.ts'

export interface ProxyPairOptions {
  readonly workloads: Readonly<Record<Side, Workload>>
  readonly uid: number
  command(side: Side): readonly string[]
  env?(side: Side): Readonly<Record<string, string>>
  /** Whether a pod's proxy takes connections; also by rejecting when it does not. See `accepts` and `answers`. */
  isReady(workload: Workload): Promise<boolean>
  evidence(): Promise<string>
}

/** Two proxies that are one process each, started by a command. */
export class ProxyPair implements Proxies {
  readonly #options: ProxyPairOptions
  readonly #processes = new Map<Side, RunningProcess>()

  private constructor(options: ProxyPairOptions) {
    this.#options = options
  }

  static async start(options: ProxyPairOptions): Promise<ProxyPair> {
    const pair = new ProxyPair(options)
    await pair.restart('server')
    await pair.restart('client')
    return pair
  }

  pid(side: Side): number {
    const process = this.#processes.get(side)
    if (!process?.running) throw new Error(process?.crash ?? `the ${side}'s proxy does not run`)
    return process.pid
  }

  async restart(side: Side): Promise<number> {
    const { workloads, isReady } = this.#options
    await this.#processes.get(side)?.stop()
    // In this order: the clock begins before the process does.
    return await Promise.race([readyAfter(() => isReady(workloads[side])), this.#run(side)])
  }

  async evidence(): Promise<string> {
    return await this.#options.evidence()
  }

  /** Starts a proxy; rejects once it ends, however it does. */
  async #run(side: Side): Promise<never> {
    const { workloads, uid, command, env } = this.#options
    const process = await workloads[side].start(command(side), { uid, ...(env && { env: env(side) }) })
    this.#processes.set(side, process)
    await process.exited
    throw new Error(process.crash ?? `${process.name} was ended`)
  }
}

/** Ready means: `ip:port` inside the pod accepts a connection. It must lead nowhere. */
export function accepts(target: string): (workload: Workload) => Promise<boolean> {
  return async ({ standing }) => {
    const socket = await connectFrom(standing, target, { timeout: 1_000 })
    socket.destroy()
    return true
  }
}

/** Ready means: a URL inside the pod answers with 200. */
export function answers(url: string): (workload: Workload) => Promise<boolean> {
  return async ({ standing }) => (await httpFrom(standing, url, { timeout: 1_000 })).status === 200
}
