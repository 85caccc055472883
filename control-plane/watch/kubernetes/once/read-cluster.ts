import { identityConfigMap } from '#mesh/identity-requests.ts'
import { configMaps } from '../objects/config-map.ts'
import { endpointSlices } from '../objects/endpoint-slice.ts'
import { nodes } from '../objects/node.ts'
import { authorizationPolicies, peerAuthentications } from '../objects/policy.ts'
import { services } from '../objects/service.ts'
import { serviceCidrs } from '../objects/service-cidr.ts'
import { injectorOnce } from './injector-once.ts'
import { namespacesOnce } from './namespace-once.ts'
import { podsOnce } from './pod-once.ts'
import { type ReadKind, type ReadKindOptions, readKind } from './read-kind.ts'

/** What the control plane makes the mesh of, the labels of namespaces, and what operators ask about identities. */
export type ClusterObjects = Exclude<Awaited<ReturnType<typeof readCluster>>, Unreadable>

/** Why there is no telling what the mesh is. */
export type Unreadable =
  /** What whoever asks may not list, as roles name it. */
  | { readonly kind: 'forbidden'; readonly what: readonly string[] }
  /** The API server knows no policies of weft's. */
  | { readonly kind: 'not-installed' }

/** Lists every kind once; `namespace` is the control plane's own. Rejects with ApiError for what is no answer. */
export async function readCluster(namespace: string, options: ReadKindOptions) {
  const [injector, ...kinds] = await Promise.all([
    readKind(injectorOnce, options),
    readKind(podsOnce, options),
    readKind(services, options),
    readKind(endpointSlices, options),
    readKind(namespacesOnce, options),
    readKind(nodes, options),
    readKind(serviceCidrs, options),
    readKind(configMaps('weft-settings', namespace), options),
    readKind(configMaps(identityConfigMap, namespace), options),
    readKind(peerAuthentications, options),
    readKind(authorizationPolicies, options),
  ])
  // The answer does without the injector, which only tells what is left out on purpose.
  const forbidden = kinds.flatMap((each) => (each.kind === 'forbidden' ? [each.what] : []))
  if (forbidden.length > 0) return { kind: 'forbidden', what: forbidden } satisfies Unreadable
  const [pod, service, slice, labelled, node, cidr, map, requests, peer, authorization] = kinds
  if ([peer, authorization].every(({ kind }) => kind === 'absent')) {
    return { kind: 'not-installed' } satisfies Unreadable
  }
  return {
    kind: 'read' as const,
    pods: objectsOf(pod),
    services: objectsOf(service),
    endpointSlices: objectsOf(slice),
    namespaces: objectsOf(labelled),
    injector: objectsOf(injector)[0],
    nodes: objectsOf(node),
    serviceCidrs: objectsOf(cidr),
    settings: objectsOf(map)[0],
    identity: objectsOf(requests)[0],
    policies: [...objectsOf(peer), ...objectsOf(authorization)],
  }
}

function objectsOf<T>(read: ReadKind<T>): readonly T[] {
  return read.kind === 'read' ? read.objects : []
}
