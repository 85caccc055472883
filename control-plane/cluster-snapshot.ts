import { parseIdentityRequests } from '#mesh/identity-requests.ts'
import { isExcluded, isLeftOut } from '#mesh/left-out.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import { joinEndpoints } from './model/endpoints.ts'
import type { RegistryState } from './model/registry-state.ts'
import { stateSnapshot } from './snapshot.ts'
import type { PolicyKind } from './watch/kubernetes/objects/policy.ts'
import type { PodOnce } from './watch/kubernetes/once/pod-once.ts'
import { type ClusterObjects, readCluster, type Unreadable } from './watch/kubernetes/once/read-cluster.ts'
import type { Ask } from './watch/kubernetes/once/read-kind.ts'
import { type Standing, standingOf } from './watch/kubernetes/once/standing.ts'
import { clusterNetworks } from './watch/kubernetes/state/networks.ts'
import { inForce, PolicyKeeper } from './watch/kubernetes/state/policies.ts'
import { clusterState } from './watch/kubernetes/state/registry-state.ts'
import type { UnclaimedEndpoint } from './watch/kubernetes/state/services.ts'
import { parseSettings } from './watch/kubernetes/state/settings.ts'

export interface ClusterSnapshotOptions {
  readonly ask: Ask
  /** The control plane's own, where its settings are and policies hold on the whole mesh. */
  readonly namespace: string
  /** Told of each object as it comes. */
  readonly seen?: () => void
}

export type ClusterReading =
  | ({ readonly kind: 'read' } & ClusterSnapshot)
  | Unreadable
  /** Settings that the control plane refuses; which ones it goes on with no object says. */
  | { readonly kind: 'bad-settings'; readonly problems: readonly string[] }

/** A cluster's mesh as a sidecar sees it that has been sent all of it, and what sidecars are not sent. */
export interface ClusterSnapshot {
  readonly snapshot: Snapshot
  readonly pods: readonly ClusterPod[]
  readonly policies: readonly ClusterPolicy[]
  /** The pods that are endpoints of a service once they are ready, by the service's `namespace/name`. */
  readonly waiting: ReadonlyMap<string, readonly string[]>
  /** The endpoints inside the networks that no pod has and nobody is led to, by the service's `namespace/name`. */
  readonly unclaimed: ReadonlyMap<string, readonly string[]>
}

export interface ClusterPod extends Pick<PodOnce, 'namespace' | 'name' | 'meshed' | 'ready' | 'exclusions'> {
  /** Runs outside the mesh although its namespace or it itself asks to be meshed. */
  readonly leftOut: boolean
  /** Cut off by an operator: nobody takes a certificate of it. */
  readonly revoked: boolean
}

export interface ClusterPolicy {
  readonly kind: PolicyKind
  readonly namespace: string
  readonly name: string
  /** Whether it may hold in other namespaces too. */
  readonly everywhere: boolean
  readonly standing: Standing
}

/** Reads once what the control plane watches, and makes of it what the control plane does. Rejects with ApiError. */
export async function clusterSnapshot(options: ClusterSnapshotOptions): Promise<ClusterReading> {
  const { ask, namespace, seen = () => {} } = options
  const objects = await readCluster(namespace, { ask, seen })
  if (objects.kind !== 'read') return objects

  const networks = clusterNetworks(objects.nodes, objects.serviceCidrs)
  const parsed = parseSettings(objects.settings?.data['settings.yaml'], networks)
  if ('problems' in parsed) return { kind: 'bad-settings', problems: parsed.problems }
  const judgements = new PolicyKeeper().take(objects.policies)
  const { settings } = parsed
  const { state, unclaimed } = clusterState({ ...objects, settings, policies: inForce(judgements) })
  return {
    kind: 'read',
    snapshot: stateSnapshot(state, namespace),
    pods: podsOf(objects, namespace),
    waiting: waitingIn(state),
    unclaimed: byService(unclaimed),
    policies: [...judgements].map(([object, judgement]) => ({
      kind: object.kind,
      namespace: object.namespace,
      name: object.name,
      everywhere: object.namespace === namespace,
      standing: standingOf(object, judgement),
    })),
  }
}

function podsOf({ pods, namespaces, injector, identity }: ClusterObjects, own: string): ClusterPod[] {
  const { revocations } = parseIdentityRequests(identity?.data ?? {}).requests
  const asked = { namespace: own, selectors: injector?.selectors ?? [] }
  const places = new Map(
    namespaces.map((each) => [each.name, { injected: each.injected, excluded: isExcluded(each, asked) }]),
  )
  return pods.map((pod) => ({
    ...pod,
    leftOut: isLeftOut(pod, places.get(pod.namespace) ?? { injected: false, excluded: false }),
    revoked: revocations.has(pod.uid),
  }))
}

function waitingIn(state: RegistryState): ReadonlyMap<string, readonly string[]> {
  const { namedBy } = joinEndpoints(state)
  const waiting = state.services.map((service) => {
    const notReady = namedBy(service).filter(({ endpoint }) => !endpoint.ready && !endpoint.ending)
    const pods = notReady.flatMap(({ workload }) =>
      workload ? `${workload.namespace}/${workload.name}` : [],
    )
    return [`${service.namespace}/${service.name}`, pods] as const
  })
  return new Map(waiting)
}

function byService(unclaimed: readonly UnclaimedEndpoint[]): ReadonlyMap<string, readonly string[]> {
  const grouped = Map.groupBy(unclaimed, ({ service }) => `${service.namespace}/${service.name}`)
  return new Map([...grouped].map(([name, endpoints]) => [name, endpoints.map(({ ip }) => ip)]))
}
