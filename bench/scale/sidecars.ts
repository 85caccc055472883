import { loadavg } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatSocketAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { httpFrom } from '#test/harness/http.ts'
import type { Mesh } from '#test/harness/mesh.ts'
import type { WorkloadEntry } from '#test/harness/registry-file.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'
import { memoryOf } from '../harness/process-cost.ts'
import { readyAfter } from '../harness/ready-after.ts'
import { openSite } from '../harness/site.ts'
import { median } from '../report/statistics.ts'
import type { Round, ScenarioName } from './records.ts'

export interface SidecarsOptions {
  readonly scenarios: readonly ScenarioName[]
  readonly rounds: number
  /** Milliseconds from ready to the look at memory. */
  readonly settle: number
  readonly signal: AbortSignal
  /** Told each round as soon as it is over. */
  readonly measured: (round: Round) => void
  readonly say: (line: string) => void
}

/** Workloads that the mesh knows, by scenario. */
const knownWorkloads = { 'sidecar-100': 100, 'sidecar-1000': 1_000, 'sidecar-10000': 10_000 } as const
const sidecarsOfNode = 10

/** Sidecars as the image runs them, in pods of network namespaces with redirection, fresh for each look. */
export async function measureSidecars(options: SidecarsOptions): Promise<void> {
  const { scenarios, signal } = options
  const counts = Object.entries(knownWorkloads).filter(([name]) => scenarios.some((one) => one === name))
  const alone = counts as [keyof typeof knownWorkloads, number][]
  if (alone.length === 0 && !scenarios.includes('node-10')) return
  const { mesh } = await openSite()
  await using _ = mesh
  const ended = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    if (signal.aborted) reject(signal.reason)
  })
  await Promise.race([measureAll(mesh, alone, options), ended])
}

async function measureAll(
  mesh: Mesh,
  alone: readonly (readonly [keyof typeof knownWorkloads, number])[],
  { scenarios, rounds, settle, measured, say }: SidecarsOptions,
): Promise<void> {
  const node = [await mesh.workload('sidecar-1')]
  for (const [scenario, known] of alone) {
    await know(mesh, known, node.length)
    say(`${scenario}: the control plane publishes ${known} workloads`)
    for (let round = 1; round <= rounds; round++) {
      measured(await measure(mesh, node, { scenario, round, settle }))
    }
  }
  if (!scenarios.includes('node-10')) return
  while (node.length < sidecarsOfNode) node.push(await mesh.workload(`sidecar-${node.length + 1}`))
  await know(mesh, knownWorkloads['sidecar-100'], node.length)
  for (let round = 1; round <= rounds; round++) {
    measured(await measure(mesh, node, { scenario: 'node-10', round, settle }))
  }
}

/** Starts the sidecars anew, lets them come to rest, and looks; of several the median is told. */
async function measure(
  mesh: Mesh,
  node: readonly Workload[],
  { scenario, round, settle }: Pick<Round, 'scenario' | 'round'> & { readonly settle: number },
): Promise<Round> {
  const milliseconds: number[] = []
  for (const workload of node) milliseconds.push(await restart(mesh, workload))
  await sleep(settle)
  const memory = node.map((workload) => memoryOf(workload.sidecar.process.pid))
  const known = await Promise.all(node.map(workloadsIn))
  return {
    scenario,
    round,
    at: new Date().toISOString(),
    figures: {
      privateBytes: median(memory.map(({ privateBytes }) => privateBytes)),
      proportionalBytes: median(memory.map(({ proportionalBytes }) => proportionalBytes)),
      milliseconds: median(milliseconds),
    },
    circumstances: { sidecars: node.length, knownWorkloads: Math.min(...known), machineLoad: loadavg()[0]! },
  }
}

/** Milliseconds from the start of the process to its first good answer on the readiness port. */
async function restart(mesh: Mesh, workload: Workload): Promise<number> {
  await workload.sidecar.stop()
  const url = `http://${formatSocketAddress({ ip: workload.ip, port: ports.readiness })}/ready`
  const probe = async () => (await httpFrom(mesh.network.node, url, { timeout: 5_000 })).status === 200
  const [milliseconds] = await Promise.all([
    readyAfter(probe, { timeout: 60_000 }),
    mesh.startSidecar(workload),
  ])
  return milliseconds
}

/** Fills the registry up to so many workloads, and waits until the control plane publishes them. */
async function know(mesh: Mesh, total: number, real: number): Promise<void> {
  mesh.registry.setWorkloads(crowd(total - real))
  await until(
    `${total} workloads to be published`,
    async () => publishedAddresses(await mesh.controlPlane.metrics()) === total,
    { timeout: 120_000, interval: 500 },
  )
}

async function workloadsIn({ sidecar }: Workload): Promise<number> {
  const config = (await sidecar.admin('GET /config')) as { readonly workloads: readonly unknown[] }
  return config.workloads.length
}

/** Meshed workloads that are entries of the registry alone. */
export function crowd(count: number): WorkloadEntry[] {
  return Array.from({ length: count }, (_, n) => ({
    name: `other-${n}`,
    namespace: 'bench',
    serviceAccount: `other-${n}`,
    addresses: [`10.77.${150 + (n >> 8)}.${n & 255}`],
    labels: { app: `other-${n}` },
    meshed: true,
    ready: true,
  }))
}

/** What the control plane's metrics say; undefined before anything was published. */
export function publishedAddresses(metrics: string): number | undefined {
  const found = /^weft_model_resources\{type="istio\.workload\.Address"\} (\d+)$/m.exec(metrics)
  return found ? Number(found[1]) : undefined
}
