import { parseAllDocuments } from 'yaml'
import { until } from '../../harness/until.ts'
import { weft } from './installation.ts'
import { kubectl, read } from './kubectl.ts'
import { peerAuthentication, pod, service, serviceAccount } from './manifests.ts'
import { Namespace } from './namespace.ts'

/** On the namespace of the control plane that is gone: which pods were its own, and since when it is gone. */
const appsLabel = 'weft.test/outage'
const sinceAnnotation = 'weft.test/since'

/**
 * A part of the mesh whose control plane is gone while the rest of the cluster goes on: it had one of its own, with the
 * same keys. What is known of it is in the cluster, so that who begins it and who sees the end need not be the same.
 */
export class LongOutage implements AsyncDisposable {
  readonly apps: Namespace
  /** Milliseconds since 1970. */
  readonly since: number
  readonly #system: Namespace

  private constructor(system: Namespace, apps: Namespace, since: number) {
    this.#system = system
    this.apps = apps
    this.since = since
  }

  /** Makes a client and a server that know each other, and takes their control plane away. */
  static async begin(): Promise<LongOutage> {
    await using unfinished = new AsyncDisposableStack()
    const apps = unfinished.use(await Namespace.create('outage-apps', { meshed: false }))
    const labels = { [appsLabel]: apps.name }
    const system = unfinished.use(await Namespace.create('outage-system', { meshed: false, labels }))
    unfinished.defer(() => removeBinding(system))
    await system.apply(...(await sharedKeys()), ...(await controlPlaneIn(system.name)))
    await system.rolledOut('deployment/weft-control-plane', 60)
    await apps.apply(
      peerAuthentication('default', { mode: 'Strict' }),
      serviceAccount('server'),
      service('server'),
    )
    const pods = [
      pod('server', { serviceAccount: 'server' }),
      pod('client', { run: ['steady.ts', 'http://server/'] }),
    ]
    for (const each of pods) await apps.kubectl(['apply', '-f', '-'], await injected(each, system.name))
    await apps.ready('pod/server')
    await apps.ready('pod/client')
    const client = await apps.find('client')
    await client.fetchUntil('http://server/', ({ status }) => status === 200)
    await system.kubectl(['scale', 'deployment/weft-control-plane', '--replicas=0'])
    await until('the end of the control plane', async () => (await system.kubectl(['get', 'pods'])) === '', {
      timeout: 60_000,
      interval: 500,
    })
    const since = Date.now()
    await kubectl(['annotate', 'namespace', system.name, `${sinceAnnotation}=${since}`])
    unfinished.move()
    return new LongOutage(system, apps, since)
  }

  /** One that somebody has begun, when it has begun; undefined when nobody has. */
  static async find(): Promise<LongOutage | undefined> {
    const [found] = await namespaces()
    if (!found) return undefined
    const { name } = found.metadata
    const since = await until(
      `the outage of ${name} to begin`,
      async () =>
        (await namespaces()).find(({ metadata }) => metadata.name === name)?.metadata.annotations?.[
          sinceAnnotation
        ],
      { timeout: 90_000, interval: 500 },
    )
    const apps = Namespace.named(found.metadata.labels[appsLabel]!)
    return new LongOutage(Namespace.named(name), apps, Number(since))
  }

  /** Gives it its control plane back. */
  async end(): Promise<void> {
    await this.#system.kubectl(['scale', 'deployment/weft-control-plane', '--replicas=1'])
    await this.#system.rolledOut('deployment/weft-control-plane', 60)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeBinding(this.#system)
    await this.apps[Symbol.asyncDispose]()
    await this.#system[Symbol.asyncDispose]()
  }
}

async function removeBinding({ name }: Namespace): Promise<void> {
  await kubectl(['delete', 'clusterrolebinding', name, '--ignore-not-found'])
}

interface Marked {
  readonly metadata: {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
  }
}

async function namespaces(): Promise<Marked[]> {
  const { items } = await read<{ items: Marked[] }>(['namespaces', '-l', appsLabel])
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
}

/** The authority's Secrets: both control planes are one authority, and write the same trust bundle. */
async function sharedKeys(): Promise<object[]> {
  type Secret = { metadata: { name: string }; type: string; data: object }
  const { items } = await read<{ items: Secret[] }>(['secrets'], { namespace: 'weft-system' })
  return items
    .filter(({ metadata }) => metadata.name === 'weft-root' || metadata.name === 'weft-issuer')
    .map(({ metadata: { name }, type, data }) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      type,
      data,
    }))
}

interface Manifest {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
  }
}

/** What `weft install` has of a control plane, for this namespace; what the cluster has one of stays the first one's. */
async function controlPlaneIn(namespace: string): Promise<object[]> {
  const text = await weft(['install', '--namespace', namespace])
  const manifests = parseAllDocuments(text).map((document) => document.toJS() as Manifest)
  const names = ['weft-control-plane', 'weft-settings']
  return manifests
    .filter(({ metadata: { name } }) => names.includes(name))
    .filter(({ kind, metadata }) => metadata.namespace === namespace || kind === 'ClusterRoleBinding')
    .map((manifest) => {
      if (manifest.kind !== 'ClusterRoleBinding') return manifest
      return { ...manifest, metadata: { ...manifest.metadata, name: namespace } }
    })
}

/** The pod as the webhook would make it, but for a control plane in this namespace. */
async function injected(manifest: object, namespace: string): Promise<string> {
  const flags = ['--control-plane', `weft-control-plane.${namespace}.svc:15012`]
  const name = ['--control-plane-name', `weft-control-plane.${namespace}.svc`]
  return await weft(['inject', '-f', '-', '-o', 'json', ...flags, ...name], JSON.stringify(manifest))
}
