import { pod, service, serviceAccount } from './manifests.ts'
import { Namespace } from './namespace.ts'
import type { Pod } from './pod.ts'

/** A meshed namespace with a client and a server that is a Service as well, and an outsider who is not meshed. */
export class Shop implements AsyncDisposable {
  readonly namespace: Namespace
  readonly outside: Namespace
  readonly client: Pod
  readonly server: Pod
  readonly outsider: Pod

  private constructor(
    namespace: Namespace,
    outside: Namespace,
    [client, server, outsider]: readonly [Pod, Pod, Pod],
  ) {
    this.namespace = namespace
    this.outside = outside
    this.client = client
    this.server = server
    this.outsider = outsider
  }

  static async open(name = 'shop'): Promise<Shop> {
    const namespace = await Namespace.create(name)
    const outside = await Namespace.create(`${name}-outside`, { meshed: false })
    await namespace.apply(serviceAccount('client'), serviceAccount('server'), service('server'))
    const pods = await Promise.all([
      namespace.pod(pod('client', { serviceAccount: 'client' })),
      namespace.pod(pod('server', { serviceAccount: 'server' })),
      outside.pod(pod('outsider')),
    ])
    return new Shop(namespace, outside, pods)
  }

  /** What the mesh calls a service account of this shop. */
  identity(name: string): string {
    return `spiffe://cluster.local/ns/${this.namespace.name}/sa/${name}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]()
    await this.outside[Symbol.asyncDispose]()
  }
}
