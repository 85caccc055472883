import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { clusterCommands, ensurePrerequisites } from '../../scripts/prerequisites.ts'
import { cacheDirectory } from './build/programs.ts'
import { Cluster } from './cluster.ts'
import { buildAppImage } from './images/app.ts'
import { buildBases } from './images/base.ts'
import { buildProjectImages } from './images/project.ts'
import { buildStrangersImage } from './images/strangers.ts'
import { stopNode } from './node/lifetime.ts'
import { placeOf } from './node/place.ts'

export interface SuiteOptions {
  readonly name: string
  readonly keep: boolean
  readonly kubernetes?: string
  readonly context?: string
}

const checkout = new URL('../..', import.meta.url).pathname

/** Runs the cases and answers their exit status; the cluster is gone afterwards unless it is kept or somebody else's. */
export async function runSuite(
  options: SuiteOptions,
  vitest: readonly string[],
  say: (line: string) => void,
): Promise<number> {
  // One line a case as it ends; whoever wants something else says so.
  const reporter = vitest.some((argument) => argument.startsWith('--reporter')) ? [] : ['--reporter=verbose']
  const main = join(checkout, 'node_modules/vitest/vitest.mjs')
  const command = [process.execPath, main, 'run', '--project', 'cluster', ...reporter, ...vitest]
  const { context, keep } = options
  // Whoever names files or cases, which begin with no dash, does not want all of them.
  const whole = { WEFT_CLUSTER_WHOLE: String(vitest.every((argument) => argument.startsWith('-'))) }
  if (context !== undefined) {
    const env = { ...process.env, ...whole, WEFT_CLUSTER: 'context', WEFT_CLUSTER_CONTEXT: context }
    return await runHere(command, env)
  }
  await ensurePrerequisites(clusterCommands, say)
  if (!keep) removeWhenInterrupted(options.name)
  await using cluster = await Owned.start(options, say)
  await cluster.loadImages(say)
  const status = await cluster.run(command, whole)
  if (keep) say(`kept; remove it with: node test/cluster/main.ts down --name ${options.name}`)
  return status
}

function removeWhenInterrupted(name: string): void {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void stopNode(placeOf(name)).finally(() => process.exit(status)))
  }
}

/** Builds this checkout's images and those of the cases, and gives them to the cluster's node. */
export async function loadImages(cluster: Cluster, say: (line: string) => void): Promise<void> {
  const scratch = join(cacheDirectory(), 'scratch')
  await buildBases(cluster.images, scratch)
  const app = await buildAppImage(cluster.images, scratch)
  const strangers = await buildStrangersImage(cluster.images, scratch)
  await cluster.load([app, strangers, ...(await buildProjectImages(cluster.images))])
  say('the images of this checkout are there')
}

/** A cluster that ends with the suite, unless it is to be kept. */
class Owned implements AsyncDisposable {
  readonly #cluster: Cluster
  readonly #keep: boolean

  private constructor(cluster: Cluster, keep: boolean) {
    this.#cluster = cluster
    this.#keep = keep
  }

  static async start({ name, kubernetes, keep }: SuiteOptions, say: (line: string) => void): Promise<Owned> {
    const cluster = await Cluster.start({ name, stays: keep, say, ...(kubernetes && { kubernetes }) })
    return new Owned(cluster, keep)
  }

  async loadImages(say: (line: string) => void): Promise<void> {
    await loadImages(this.#cluster, say)
  }

  async run(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
    return await this.#cluster.run(command, { ...this.#cluster.environment, ...env, WEFT_CLUSTER: 'own' })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#keep) await this.#cluster[Symbol.asyncDispose]()
  }
}

async function runHere([program, ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [status] = (await once(spawn(program!, args, { stdio: 'inherit', env }), 'exit')) as [number | null]
  return status ?? 1
}
