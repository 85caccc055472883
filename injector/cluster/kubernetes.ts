import {
  ApiException,
  CoreV1Api,
  KubeConfig,
  type V1ListMeta,
  type V1Namespace,
  type V1Pod,
} from '@kubernetes/client-node'
import { injectKey } from '#mesh/annotations.ts'
import { type PageOf, pages } from '#runtime/pages.ts'
import { type Namespace, namespaceOf } from '../decide/namespace.ts'
import { parsePod } from '../pod.ts'
import type { Cluster, RunningPod } from '../reconcile/cluster.ts'
import { until } from './requests.ts'

/** What the injector asks of the API server, with the pod's own credentials or those of KUBECONFIG. */
export interface KubernetesCluster extends Cluster {
  /** Rejects when the namespace does not exist or cannot be read within three seconds. */
  namespace(name: string): Promise<Namespace>
}

/** Objects a page, of which this process holds one at a time. */
const pageSize = 100

/** Throws an Error that says what to set when there is no cluster to talk to. */
export function kubernetesCluster(env: NodeJS.ProcessEnv = process.env): KubernetesCluster {
  const api = loadConfig(env).makeApiClient(CoreV1Api)
  return {
    async namespace(name) {
      // The API server waits five seconds for the whole review.
      const { metadata } = await api.readNamespace({ name }, until(AbortSignal.timeout(3_000)))
      return namespaceOf(name, metadata?.labels ?? {})
    },

    async namespaces(signal) {
      const read = (page: PageQuery) => api.listNamespace(page, until(signal))
      const keep = ({ metadata }: V1Namespace) => namespaceOf(metadata?.name ?? '', metadata?.labels ?? {})
      return await Array.fromAsync(listed('namespaces', read, keep))
    },

    pods: (namespace, signal) =>
      listed('pods', (page) => api.listNamespacedPod({ namespace, ...page }, until(signal)), runningPod),

    askingPods: (signal) =>
      listed(
        'pods',
        (page) => api.listPodForAllNamespaces({ labelSelector: `${injectKey}=true`, ...page }, until(signal)),
        runningPod,
      ),

    async tell({ uid, name, namespace }, message, signal) {
      const involvedObject = { apiVersion: 'v1', kind: 'Pod', name, namespace, uid }
      const now = new Date()
      const body = {
        // Named after the pod, so that of two replicas that tell it, one is answered that it is there.
        metadata: { name: `${name}.weft-${uid}`.slice(-253).replace(/^[^a-z0-9]+/, ''), namespace },
        involvedObject,
        type: 'Warning',
        reason: 'NotMeshed',
        message,
        source: { component: 'weft-injector' },
        reportingComponent: 'weft.dev/injector',
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
      }
      try {
        await api.createNamespacedEvent({ namespace, body }, until(signal))
      } catch (error) {
        if (!(error instanceof ApiException && error.code === 409)) throw error
      }
    },
  }
}

/** Of a pod's own service account, or of the file that KUBECONFIG names; never the library's guess of a local server. */
function loadConfig(env: NodeJS.ProcessEnv): KubeConfig {
  const config = new KubeConfig()
  const file = env['KUBECONFIG']
  if (file) config.loadFromFile(file)
  else if (env['KUBERNETES_SERVICE_HOST']) config.loadFromCluster()
  else throw new Error('there is no cluster to talk to: run in a pod, or set KUBECONFIG to a file')
  return config
}

interface PageQuery {
  readonly limit: number
  readonly _continue?: string
}

/** Reads page after page. Of each only what is kept is there when the next one is read. */
async function* listed<Item, Kept>(
  what: string,
  list: (page: PageQuery) => Promise<{ readonly items: readonly Item[]; readonly metadata?: V1ListMeta }>,
  keep: (item: Item) => Kept | undefined,
): AsyncGenerator<Kept> {
  const read = async ({ limit, from }: PageOf) => {
    const { items, metadata } = await list({ limit, ...(from !== undefined && { _continue: from }) })
    return { kept: items.flatMap((item) => keep(item) ?? []), next: metadata?._continue || undefined }
  }
  for await (const { kept } of pages(read, { what, size: pageSize })) yield* kept
}

/** Undefined for one that has ended, is about to, or cannot be read. */
function runningPod(item: V1Pod): RunningPod | undefined {
  const { namespace, uid, name, deletionTimestamp } = item.metadata ?? {}
  const phase = item.status?.phase
  if (namespace === undefined || uid === undefined || name === undefined || deletionTimestamp)
    return undefined
  if (phase === 'Succeeded' || phase === 'Failed') return undefined
  const parsed = parsePod(item)
  return parsed.kind === 'pod' ? { namespace, uid, name, pod: parsed.pod } : undefined
}
