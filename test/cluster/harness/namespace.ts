import { apply, kubectl, kubectlWith, read, type Said } from './kubectl.ts'
import { Pod } from './pod.ts'

export interface NamespaceOptions {
  readonly meshed?: boolean
  readonly labels?: Readonly<Record<string, string>>
}

/** A namespace of the cluster for one file of cases, with a name of its own; it goes with all that is in it. */
export class Namespace implements AsyncDisposable {
  readonly name: string

  private constructor(name: string) {
    this.name = name
  }

  static async create(
    name: string,
    { meshed = true, labels = {} }: NamespaceOptions = {},
  ): Promise<Namespace> {
    const unique = `${name}-${Date.now().toString(36).slice(-5)}`
    const metadata = { name: unique, labels: { ...labels, ...(meshed && { 'weft.dev/inject': 'enabled' }) } }
    await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata }])
    return new Namespace(unique)
  }

  /** One that is there already. */
  static named(name: string): Namespace {
    return new Namespace(name)
  }

  /** The virtual addresses of a Service, in the order of its families. */
  async addressesOf(service: string): Promise<readonly string[]> {
    return (await this.read<{ spec: { clusterIPs: string[] } }>('service', service)).spec.clusterIPs
  }

  async apply(...documents: readonly object[]): Promise<void> {
    await apply(documents, { namespace: this.name })
  }

  /** Runs kubectl in this namespace. */
  async kubectl(args: readonly string[], input = ''): Promise<string> {
    return await kubectl(args, { namespace: this.name, input })
  }

  /** The same, with what kubectl said beside, e.g. warnings of the API server. */
  async kubectlWith(args: readonly string[], input = ''): Promise<Said> {
    return await kubectlWith(args, { namespace: this.name, input })
  }

  /** Waits until a rollout is over; `seconds` at most. */
  async rolledOut(what: string, seconds: number): Promise<void> {
    const args = ['rollout', 'status', what, `--timeout=${seconds}s`]
    await kubectl(args, { namespace: this.name, timeout: (seconds + 5) * 1_000 })
  }

  async read<T>(...args: readonly string[]): Promise<T> {
    return await read<T>(args, { namespace: this.name })
  }

  /** Makes this pod and waits until it is ready. */
  async pod(manifest: { readonly metadata: { readonly name: string } }): Promise<Pod> {
    await this.apply(manifest)
    const { name } = manifest.metadata
    await this.ready(`pod/${name}`)
    return await this.find(name)
  }

  /** Waits until a pod's application has started, ready or not. */
  async running(name: string): Promise<Pod> {
    await this.kubectl([
      'wait',
      `pod/${name}`,
      '--for=jsonpath={.status.containerStatuses[0].started}=true',
      '--timeout=45s',
    ])
    return await this.find(name)
  }

  /** A pod that is there already. */
  async find(name: string): Promise<Pod> {
    type Placed = { spec: { nodeName: string }; status: { podIPs: { ip: string }[] } }
    const { spec, status } = await this.read<Placed>('pod', name)
    return new Pod(this.name, name, { ips: status.podIPs.map(({ ip }) => ip), node: spec.nodeName })
  }

  /** Waits until this is ready; rejects with what became of it when it does not. */
  async ready(what: string): Promise<void> {
    try {
      await this.kubectl(['wait', what, '--for=condition=Ready', '--timeout=45s'])
    } catch (error) {
      const events = await this.kubectl(['get', 'events', '--sort-by=.lastTimestamp'])
      throw new Error(`${what} is not ready:\n${events}`, { cause: error })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await kubectl(['delete', 'namespace', this.name, '--wait=false'])
  }
}
