import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryOf, processorMicroseconds } from '../../harness/process-cost.ts'
import { now } from '../clock.ts'
import { population } from '../population.ts'
import type { Round } from '../records.ts'
import { Child } from './child.ts'
import { type Change, delaysOf, merge, noArrivals, percentile } from './delays.ts'
import { waitedMilliseconds } from './waiting.ts'

export interface PushOptions {
  readonly scope: 'mesh' | 'namespace'
  readonly pods: number
  readonly sidecars: number
  /** Pods that change in a second. */
  readonly perSecond: number
  /** Of one round. */
  readonly seconds: number
  readonly rounds: number
  readonly signal: AbortSignal
  /** Told each round as soon as it is over. */
  readonly measured: (round: Round) => void
  readonly say: (line: string) => void
}

/** Processes that the simulated sidecars are divided among. */
const groups = 2

/**
 * The control plane and its sidecars, over gRPC with TLS on loopback. Rejects when a change does not reach everybody
 * within 15 s after a round, or a stream ends.
 */
export async function push(options: PushOptions): Promise<void> {
  const { scope, pods, sidecars, rounds, signal, say } = options
  const directory = mkdtempSync(join(tmpdir(), 'weft-bench-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const controlPlane = stack.use(new Child('control-plane'))
  const clients = Array.from({ length: groups }, () => stack.use(new Child('sidecars')))
  const began = now()
  await unlessAborted(signal, async () => {
    const served = await controlPlane.ask('serve', { pods, scope, directory })
    const indices = Array.from({ length: sidecars }, (_, n) => n)
    await Promise.all(
      clients.map((client, n) => {
        const own = indices.filter((index) => index % groups === n)
        return client.ask('connect', { ...served, pods, scope, sidecars: own })
      }),
    )
    say(`push-${scope}: ${sidecars} sidecars in step after ${((now() - began) / 1_000).toFixed(1)} s`)
    for (let round = 1; round <= rounds; round++) {
      await sleep(2_000)
      options.measured(await measure(round, { controlPlane, clients }, options))
    }
  })
}

interface Cast {
  readonly controlPlane: Child
  readonly clients: readonly Child[]
}

async function measure(round: number, { controlPlane, clients }: Cast, options: PushOptions): Promise<Round> {
  const { scope, pods, perSecond, seconds } = options
  const spent = (): number => processorMicroseconds(controlPlane.pid)
  const spentByClients = (): number => clients.reduce((sum, { pid }) => sum + processorMicroseconds(pid), 0)
  const [began, spentBefore, clientsBefore] = [now(), spent(), spentByClients()]
  const waitedBefore = waitedMilliseconds(controlPlane.pid)
  const memory = watchMemory(controlPlane.pid)
  const changed = await controlPlane.ask('churn', { perSecond, seconds })
  // What is still under way belongs to these changes as well.
  const interested = interestOf(options)
  const changes: Change[] = changed.map((change) => ({ ...change, interested: interested(change.pod) }))
  const arrivals = noArrivals(pods)
  const deadline = now() + 15_000
  let delays = delaysOf(changes, arrivals)
  do {
    await sleep(100)
    for (const client of clients) merge(arrivals, await client.ask('collect', null))
    delays = delaysOf(changes, arrivals)
  } while (delays.lost > 0 && now() < deadline)
  const microseconds = (now() - began) * 1_000
  if (delays.lost > 0)
    throw new Error(`push-${scope}, round ${round}: ${delays.lost} changes did not reach everybody`)
  return {
    scenario: `push-${scope}`,
    round,
    at: new Date().toISOString(),
    figures: {
      p50Ms: percentile(delays.sorted, 0.5),
      p99Ms: percentile(delays.sorted, 0.99),
      cores: (spent() - spentBefore) / microseconds,
      privateBytes: memory.highest(),
    },
    circumstances: {
      changes: delays.sorted.length,
      sidecarsPerChange: Math.round(changes.reduce((sum, one) => sum + one.interested, 0) / changes.length),
      worstMs: percentile(delays.sorted, 1),
      clientCores: (spentByClients() - clientsBefore) / microseconds,
      // Seconds in a second that the control plane could have run and had no processor.
      waitingForProcessor: ((waitedMilliseconds(controlPlane.pid) - waitedBefore) * 1_000) / microseconds,
      machineLoad: loadavg()[0]!,
    },
  }
}

/** How many of the simulated sidecars must hear of a pod. */
function interestOf({ scope, pods, sidecars }: PushOptions): (pod: number) => number {
  if (scope === 'mesh') return () => sidecars
  const { workloads } = population(pods)
  const counts = Map.groupBy(workloads.slice(0, sidecars), ({ namespace }) => namespace)
  return (pod) => counts.get(workloads[pod]!.namespace)?.length ?? 0
}

/** Looks every half second, and tells the most that it saw. */
function watchMemory(pid: number): { highest(): number } {
  let most = 0
  const look = (): void => {
    most = Math.max(most, memoryOf(pid).privateBytes)
  }
  const timer = setInterval(look, 500)
  return {
    highest() {
      clearInterval(timer)
      look()
      return most
    },
  }
}

async function unlessAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([work(), promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
