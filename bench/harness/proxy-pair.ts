import type { RunningProcess } from '#test/harness/process.ts'
import { connectFrom } from '#test/harness/socket.ts'
import type { Workload } from '#test/harness/workload.ts'
import type { Proxies, Side } from './peer.ts'
import { readyAfter } from './ready-after.ts'

export interface ProxyPairOptions {
  readonly workloads: Readonly<Record<Side, Workload>>
  readonly uid: number
  readonly env?: Readonly<Record<string, string>>
  command(side: Side): readonly string[]
  /** `ip:port` inside the pod that accepts connections once the proxy is ready, and leads nowhere. */
  readonly readiness: string
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
    return this.#processes.get(side)!.pid
  }

  async restart(side: Side): Promise<number> {
    const { workloads, uid, env, command, readiness } = this.#options
    await this.#processes.get(side)?.stop()
    const workload = workloads[side]
    const probe = async () => {
      const socket = await connectFrom(workload.standing, readiness, { timeout: 1_000 })
      socket.destroy()
      return true
    }
    const started = workload.start(command(side), { uid, ...(env && { env }) })
    void started.then((process) => this.#processes.set(side, process))
    const ended = started.then(async (process) => {
      await process.exited
      throw new Error(process.crash ?? `${process.name} was ended`)
    })
    return await Promise.race([readyAfter(probe), ended])
  }

  async evidence(): Promise<string> {
    return await this.#options.evidence()
  }
}
