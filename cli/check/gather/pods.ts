import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node'
import { injectKey } from '#mesh/annotations.ts'
import { initName, isForWindows, proxyName } from '#mesh/injected.ts'
import type { Connection } from '../../kubernetes/connection.ts'
import { isPodReady } from '../../kubernetes/pod-ready.ts'
import { mapSeen, type Seen } from '../../kubernetes/seen.ts'
import type { PodFacts, PodMesh, SidecarState } from '../facts.ts'

/** The pods that run or are about to. */
export async function gatherPods(connection: Connection): Promise<Seen<readonly PodFacts[]>> {
  const list = await connection.list<V1Pod>('/api/v1/pods')
  return mapSeen(list, (pods) => pods.filter(isAlive).map(podFacts))
}

function isAlive({ metadata, status }: V1Pod): boolean {
  return (
    metadata?.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
  )
}

export function podFacts(pod: V1Pod): PodFacts {
  const { metadata = {}, spec } = pod
  const { namespace = '', name = '', labels = {}, annotations = {} } = metadata
  return {
    namespace,
    name,
    labels,
    node: spec?.nodeName ?? '',
    owner: ownerOf(pod),
    hostNetwork: spec?.hostNetwork === true,
    forWindows: isForWindows(spec ?? {}),
    asks: asks(labels[injectKey] ?? annotations[injectKey]),
    ready: isPodReady(pod),
    mesh: meshOf(pod),
  }
}

function asks(value: string | undefined): PodFacts['asks'] {
  if (value === undefined) return undefined
  return value === 'false' ? 'out' : 'in'
}

/** A Deployment's pods belong to its ReplicaSet, whose name ends in a hash of the template. */
function ownerOf({ metadata }: V1Pod): string {
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true)
  if (!owner) return `pod/${metadata?.name}`
  const hash = metadata?.labels?.['pod-template-hash']
  if (owner.kind === 'ReplicaSet' && hash !== undefined && owner.name.endsWith(`-${hash}`)) {
    return `deployment/${owner.name.slice(0, -hash.length - 1)}`
  }
  return `${owner.kind.toLowerCase()}/${owner.name}`
}

function meshOf({ spec, status }: V1Pod): PodMesh {
  const proxy = spec?.initContainers?.find(
    ({ name, restartPolicy }) => name === proxyName && restartPolicy === 'Always',
  )
  if (!proxy) return { kind: 'unmeshed' }
  const states = status?.initContainerStatuses ?? []
  return { kind: 'meshed', image: proxy.image ?? '', state: sidecarState(states) }
}

function sidecarState(statuses: readonly V1ContainerStatus[]): SidecarState {
  const init = statuses.find(({ name }) => name === initName)
  // While it waits to be tried again, how it ended is only in the state before.
  const ended = init?.state?.terminated ?? (init?.state?.waiting ? init.lastState?.terminated : undefined)
  if (ended && ended.exitCode !== 0) {
    return {
      kind: 'redirection-failed',
      message: ended.message?.trim() || `it ended with status ${ended.exitCode}`,
    }
  }
  const proxy = statuses.find(({ name }) => name === proxyName)
  if (proxy?.ready === true) return { kind: 'ready' }
  const waiting = proxy?.state?.waiting
  const said = waiting && `${waiting.reason ?? 'it waits'}${waiting.message ? `, ${waiting.message}` : ''}`
  return {
    kind: 'waiting',
    message: said ?? (proxy?.started === false ? 'it has not started yet' : 'it is not ready'),
  }
}
