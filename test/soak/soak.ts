import { setTimeout as sleep } from 'node:timers/promises'
import { startMesh } from '#test/harness/mesh.ts'
import { Ticks } from '#test/harness/ticks.ts'
import { until } from '#test/harness/until.ts'
import { type Churn, churn } from './churn.ts'
import { type Sample, sampleOf } from './sample.ts'

export interface SoakOptions {
  /** How long connections come and go, quiet moments not counted. */
  readonly minutes: number
  /** Told one line after each round. */
  readonly say?: (line: string) => void
}

/** What one process held in the quiet moment after the warm-up and in the last. */
export interface Held {
  readonly name: string
  readonly first: Sample
  readonly last: Sample
  /** What did not return to where it was, a sentence each. */
  readonly problems: readonly string[]
}

export interface SoakReport {
  readonly minutes: number
  readonly churn: Churn
  readonly rounds: number
  readonly held: readonly Held[]
  /** Everything that was not as it should be; the soak passed when there is nothing. */
  readonly problems: readonly string[]
}

/** Seconds of churn between two quiet moments. */
const roundLength = 20
/** Of the rounds; after it caches, pools and compiled code have come to rest, and what is held is taken as the measure. */
const warmUp = 1 / 6
/** Open files that may be more at the end: none of them is a connection's. */
const fileSlack = 4
/** Private memory that may be more after a collection, in bytes: compiled code comes in its own time. */
const memorySlack = 16 * 1024 * 1024
/** The same for what lives. */
const liveSlack = 4 * 1024 * 1024

/** Runs a mesh under churn and looks, whenever everything is quiet, at what its processes hold. */
export async function soak({ minutes, say = () => {} }: SoakOptions): Promise<SoakReport> {
  const env = { NODE_OPTIONS: '--import /mnt/test/soak/collect.ts' }
  await using mesh = await startMesh({
    sidecars: env,
    // The churn renews every four seconds; of a day's certificates a pod would have too many.
    controlPlane: { ...env, WEFT_CERTIFICATE_LIFETIME: '3m' },
  })
  const labels = { app: 'choir' }
  const [alice, bob, carol, outsider] = await Promise.all([
    mesh.workload('alice'),
    mesh.workload('bob', { labels }),
    mesh.workload('carol', { labels }),
    mesh.workload('outsider', { meshed: false }),
  ])
  await Promise.all(
    [bob, carol, outsider].flatMap((pod) => [
      pod.app('echo', ['--port', '7000']),
      pod.app('ticker', ['--port', '9000', '--interval', '100']),
    ]),
  )
  const service = mesh.service('choir', { ports: [{ port: 80, targetPort: 7000 }] })
  const stage = { mesh, alice, bob, carol, outsider, service }
  const pods = [alice, bob, carol]
  // Lives through all of it: renewals, restarts, every change of policy.
  using stays = new Ticks(await alice.connect(`${bob.ip}:9000`))
  await stays.more()

  const processes = () => [
    ...pods.map(({ name, sidecar }) => ({ name: `${name}’s sidecar`, process: sidecar.process })),
    { name: 'control plane', process: mesh.controlPlane.process },
  ]
  const quiet = async (): Promise<Map<string, Sample>> => {
    // A renewal retires the tunnels, which would else be kept for minutes: what is left is what something holds.
    // The authority bounds how often anybody may have one, so it may have to be asked again.
    for (const { sidecar } of pods) {
      await until('a renewal', () => sidecar.admin('POST /certificate/renew'), {
        timeout: 60_000,
        interval: 2_000,
      })
    }
    const open = async () => {
      const each = pods.map(async (pod) => (await pod.sidecar.connections()).length)
      return await Promise.all(each)
    }
    await until(
      'nothing but the lasting connection to be open',
      async () => {
        return (await open()).join() === '1,1,0'
      },
      { timeout: 30_000, interval: 200 },
    )
    await sleep(1_000)
    const samples = processes().map(async ({ name, process }) => [name, await sampleOf(process)] as const)
    return new Map(await Promise.all(samples))
  }

  const total: Churn = { connections: 0, bytes: 0, aborts: 0, changes: 0, restarts: 0, failures: [] }
  const samples: Map<string, Sample>[] = []
  const rounds = Math.max(2, Math.round((minutes * 60) / roundLength))
  const measure = Math.max(1, Math.floor(rounds * warmUp)) - 1
  for (let round = 0; round < rounds; round++) {
    const done = await churn(stage, { seconds: Math.min(roundLength, (minutes * 60) / rounds), round })
    total.connections += done.connections
    total.bytes += done.bytes
    total.aborts += done.aborts
    total.changes += done.changes
    total.restarts += done.restarts
    total.failures.push(...done.failures)
    const sample = await quiet()
    samples.push(sample)
    const shown = Array.from(
      sample,
      ([name, { files, memory, live }]) =>
        `${name} ${files} files ${megabytes(memory)} (${megabytes(live)} live)`,
    )
    say(`round ${round + 1} of ${rounds}: ${done.connections} connections; ${shown.join(', ')}`)
  }
  const held = processes().map(({ name }) =>
    compare(name, samples[measure]!.get(name)!, samples.at(-1)!.get(name)!),
  )
  const problems = [...held.flatMap((one) => one.problems), ...total.failures.slice(0, 20)]
  await stays
    .more()
    .catch((error: Error) => void problems.push(`the connection that lasts: ${error.message}`))
  return { minutes, churn: total, rounds, held, problems }
}

function compare(name: string, first: Sample, last: Sample): Held {
  const problems: string[] = []
  if (last.pid !== first.pid && name !== 'control plane') problems.push(`${name} is another process`)
  if (last.files > first.files + fileSlack)
    problems.push(`${name}: ${first.files} open files, then ${last.files}`)
  if (last.memory > first.memory + memorySlack) {
    problems.push(`${name}: ${megabytes(first.memory)} private, then ${megabytes(last.memory)}`)
  }
  if (last.live > first.live + liveSlack) {
    problems.push(`${name}: ${megabytes(first.live)} live, then ${megabytes(last.live)}`)
  }
  return { name, first, last, problems }
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`
}
