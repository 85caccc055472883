import type { V1Pod } from '@kubernetes/client-node'
import { identityConfigMap, identityStatusConfigMap } from '#mesh/identity-requests.ts'
import { Failure } from '../failure.ts'
import { type Connection, connect, reasonOf } from '../kubernetes/connection.ts'
import { isPodReady } from '../kubernetes/pod-ready.ts'
import type { Answer } from '../kubernetes/request.ts'
import type { Entries, IdentityTarget, TargetChoice } from './target.ts'

/** A cluster: requests and status are ConfigMaps in the control plane's namespace. */
export async function clusterTarget(
  command: string,
  { context, weftNamespace }: Pick<TargetChoice, 'context' | 'weftNamespace'>,
): Promise<IdentityTarget> {
  const connection = await connect({ command, context })
  const collection = `/api/v1/namespaces/${weftNamespace}/configmaps`
  const place = `ConfigMap ${weftNamespace}/${identityConfigMap}`
  const read = async (name: string) => {
    const what = `${command}: ConfigMap ${weftNamespace}/${name} cannot be read`
    const found = await getOr404<{ data?: Entries }>(connection, `${collection}/${name}`, what)
    return found?.data ?? {}
  }
  return {
    place,
    requests: () => read(identityConfigMap),
    status: () => read(identityStatusConfigMap),
    async write(data) {
      const patch = () => connection.send('PATCH', `${collection}/${identityConfigMap}`, { data })
      let answer = await patch()
      if (answer.status === 404) {
        answer = await connection.send('POST', collection, configMap(weftNamespace, data))
        // Somebody else made it a moment before.
        if (answer.status === 409) answer = await patch()
      }
      requireGranted(answer, `${command}: ${place} could not be written`)
    },
    async replicas() {
      const path = `/api/v1/namespaces/${weftNamespace}/pods?labelSelector=${encodeURIComponent(replicaLabels)}`
      const what = `${command}: the pods of ${weftNamespace} cannot be listed to see whether all replicas obey what is asked for`
      const found = await getOr404<{ items?: readonly V1Pod[] }>(connection, path, what)
      return (found?.items ?? []).filter(hasToObey).map(({ metadata }) => metadata?.name ?? '')
    },
    async podUid(namespace, pod) {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}`
      const found = await getOr404<{ metadata: { uid: string } }>(
        connection,
        path,
        `${command}: pod ${namespace}/${pod} cannot be read`,
      )
      return found?.metadata.uid
    },
  }
}

/** As the chart labels them. */
const replicaLabels = 'app.kubernetes.io/component=control-plane,app.kubernetes.io/instance=weft'

/** One that is about to end says that it is ready until it is not. */
function hasToObey(pod: V1Pod): boolean {
  return isPodReady(pod) && pod.metadata?.deletionTimestamp === undefined
}

function configMap(namespace: string, changes: Readonly<Record<string, string | null>>): unknown {
  const data = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null))
  const labels = { 'app.kubernetes.io/part-of': 'weft' }
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: identityConfigMap, namespace, labels },
    data,
  }
}

async function getOr404<T>({ send }: Connection, path: string, what: string): Promise<T | undefined> {
  const answer = await send('GET', path)
  if (answer.status === 404) return undefined
  requireGranted(answer, what)
  return answer.body as T
}

function requireGranted(answer: Answer, what: string): void {
  if (answer.status < 300) return
  // Too many requests, and whatever the server is to blame for.
  const transient = answer.status === 429 || answer.status >= 500
  throw new Failure(`${what}: ${reasonOf(answer)}`, { status: 2, transient })
}
