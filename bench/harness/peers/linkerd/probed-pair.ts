import { httpFrom } from '#test/harness/http.ts'
import type { RunningProcess } from '#test/harness/process.ts'
import type { Workload } from '#test/harness/workload.ts'
import type { Proxies, Side } from '../../peer.ts'
import { readyAfter } from '../../ready-after.ts'

export interface ProbedPairOptions {
  readonly workloads: Readonly<Record<Side, Workload>>
  readonly uid: number
  readonly command: readonly string[]
  readonly env: Readonly<Record<Side, Readonly<Record<string, string>>>>
  /** The proxy's own readiness endpoint inside the pod: 200 once it takes connections. */
  readonly readiness: string
  evidence(): Promise<string>
}

/** Two proxies that are one process each and say themselves when they are ready. */
export class ProbedPair implements Proxies {
  readonly #options: ProbedPairOptions
  readonly #processes = new Map<Side, RunningProcess>()

  private constructor(options: ProbedPairOptions) {
    this.#options = options
  }

  static async start(options: ProbedPairOptions): Promise<ProbedPair> {
    const pair = new ProbedPair(options)
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
    await this.#processes.get(side)?.stop()
    const { workloads, readiness } = this.#options
    const { standing } = workloads[side]
    const probe = async () => (await httpFrom(standing, readiness, { timeout: 1_000 })).status === 200
    // In this order: the clock begins before the process does.
    return await Promise.race([readyAfter(probe), this.#run(side)])
  }

  async evidence(): Promise<string> {
    return await this.#options.evidence()
  }

  /** Starts a proxy; rejects once it ends, however it does. */
  async #run(side: Side): Promise<never> {
    const { workloads, uid, command, env } = this.#options
    const process = await workloads[side].start(command, { uid, env: env[side] })
    this.#processes.set(side, process)
    await process.exited
    throw new Error(process.crash ?? `${process.name} was ended`)
  }
}
