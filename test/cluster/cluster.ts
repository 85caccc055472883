import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { buildPrograms, cacheDirectory } from './build/programs.ts'
import { releaseOf } from './build/release.ts'
import { buildClusterImages, dnsImage } from './images/cluster.ts'
import { loadImages } from './images/load.ts'
import { storeOfMachine } from './images/store.ts'
import { dnsManifests } from './node/dns.ts'
import { inside, startNode, stopNode } from './node/lifetime.ts'
import { type Place, placeOf } from './node/place.ts'

export interface ClusterOptions {
  readonly name: string
  /** An older minor of Kubernetes, e.g. `1.34`. */
  readonly kubernetes?: string
  /** Whether it goes on when this process ends. */
  readonly stays: boolean
  readonly say: (line: string) => void
}

/** A Kubernetes cluster of two nodes on this machine, in namespaces of its own. */
export class Cluster implements AsyncDisposable {
  readonly place: Place
  readonly programs: string
  readonly images = storeOfMachine()

  private constructor(place: Place, programs: string) {
    this.place = place
    this.programs = programs
  }

  /** Makes one and waits until its DNS answers; rejects, with nothing left behind, when it does not come up. */
  static async start({ name, kubernetes, stays, say }: ClusterOptions): Promise<Cluster> {
    const programs = await buildPrograms(releaseOf(kubernetes), say)
    const cluster = new Cluster(placeOf(name), programs)
    await startNode(cluster.place, programs, { stays, say })
    try {
      await cluster.#startDns()
      say('cluster DNS runs')
      return cluster
    } catch (error) {
      if (!stays) await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The one of this name that runs already. */
  static async find(name: string, kubernetes?: string): Promise<Cluster> {
    return new Cluster(placeOf(name), await buildPrograms(releaseOf(kubernetes), () => {}))
  }

  /** Gives each node these images from the store. */
  async load(images: readonly string[]): Promise<void> {
    await loadImages(this.place, images)
  }

  /** Runs kubectl as the cluster's administrator, with `input` on its standard input; rejects when it fails. */
  async kubectl(args: readonly string[], input = ''): Promise<void> {
    const kubectl = [join(this.programs, 'kubectl'), '--kubeconfig', this.place.kubeconfig, ...args]
    const [command, ...rest] = inside(this.place, kubectl)
    const child = spawn(command!, rest, { stdio: ['pipe', 'ignore', 'inherit'] })
    child.stdin.end(input)
    const [status] = (await once(child, 'exit')) as [number | null]
    if (status !== 0) throw new Error(`kubectl ${args.join(' ')} failed`)
  }

  /** Runs a command where the cluster's addresses are reachable; answers its exit status. */
  async run(command: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
    const [program, ...args] = inside(this.place, command)
    const child = spawn(program!, args, { stdio: 'inherit', env })
    const end = (): void => void child.kill('SIGKILL')
    process.once('exit', end)
    const [status] = (await once(child, 'exit')) as [number | null]
    process.off('exit', end)
    return status ?? 1
  }

  /** What reaches this cluster: for `run`, and for people. */
  get environment(): NodeJS.ProcessEnv {
    const path = `${this.programs}:${process.env['PATH'] ?? ''}`
    return {
      ...process.env,
      PATH: path,
      KUBECONFIG: this.place.kubeconfig,
      WEFT_CLUSTER_NAME: this.place.name,
      // By which who is inside finds the way out again, for as long as this process lives.
      WEFT_MACHINE_NETWORK: `/proc/${process.pid}/ns/net`,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopNode(this.place)
  }

  async #startDns(): Promise<void> {
    const scratch = join(cacheDirectory(), 'scratch')
    await this.load(await buildClusterImages(this.images, scratch, this.programs))
    const list = { apiVersion: 'v1', kind: 'List', items: dnsManifests(dnsImage) }
    await this.kubectl(['apply', '-f', '-'], JSON.stringify(list))
    await this.kubectl(['-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', '--timeout=60s'])
  }
}
