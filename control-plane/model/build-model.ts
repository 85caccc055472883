import { compilePolicies } from '#mesh/policy/compile.ts'
import type { Service, Workload } from '#mesh/workload.ts'
import {
  encodeService,
  encodeSettings,
  encodeTrustBundle,
  encodeWorkload,
  type TrustBundle,
} from './encode.ts'
import { encodeAuthorization } from './encode-authorization.ts'
import { hash } from './hash.ts'
import { type Model, type Pod, podKey } from './model.ts'
import { addressAlias, workloadUid } from './names.ts'
import type { RegistryState } from './registry-state.ts'
import { type Draft, type MadeResources, resourceSet } from './resource-set.ts'
import { publishedTypes, type TypeUrl, typeUrls } from './type-urls.ts'
import { populationOf } from './workloads.ts'

/** Everything that the control plane publishes, encoded once. Pure: equal inputs give equal versions. */
export function buildModel(state: RegistryState, bundle: TrustBundle): Model {
  return new ModelBuilder().build(state, bundle)
}

/** Builds one model after the other, each as `buildModel` does; what did not change since the last one is shared with it. */
export class ModelBuilder {
  #made: ReadonlyMap<TypeUrl, MadeResources> = new Map()
  readonly #rootNamespace: string | undefined

  /** Policies of the root namespace hold in the whole mesh; `weft-system` unless told otherwise. */
  constructor(rootNamespace?: string) {
    this.#rootNamespace = rootNamespace
  }

  build(state: RegistryState, bundle: TrustBundle): Model {
    const policies = compilePolicies(state.policies, this.#rootNamespace)
    const { workloads, services } = populationOf(state, (workload) => policies.policiesFor(workload))
    const { sidecarScope } = state.mesh
    const drafts: Record<TypeUrl, readonly Draft[]> = {
      [typeUrls.settings]: [
        draft({ name: 'mesh', value: { ...state.mesh.settings, sidecarScope }, encode: encodeSettings }),
      ],
      [typeUrls.secret]: [draft({ name: bundle.trustDomain, value: bundle, encode: encodeTrustBundle })],
      [typeUrls.authorization]: [...policies.authorizations.values()].map((value) =>
        draft({ name: value.key, namespace: value.namespace, value, encode: encodeAuthorization }),
      ),
      [typeUrls.address]: addressDrafts(workloads, services),
    }
    const results = publishedTypes.map((type) => {
      return [type, resourceSet(type, drafts[type], this.#made.get(type))] as const
    })
    this.#made = new Map(results.map(([type, { made }]) => [type, made]))
    const types = new Map(results.map(([type, { set }]) => [type, set]))
    const pods = podsOf(state, workloads)
    return { version: modelVersion(types, pods, sidecarScope), sidecarScope, types, pods }
  }
}

/** Checks that `encode` takes the value, which a list of drafts of all kinds no longer tells. */
function draft<Value>(one: Draft<Value>): Draft {
  return one as Draft
}

function addressDrafts(workloads: readonly Workload[], services: readonly Service[]): Draft[] {
  const byKey = new Map(services.map((service) => [service.key, service]))
  return [
    ...workloads.toSorted(hostNetworkLast).map((workload) => workloadDraft(workload, byKey)),
    ...services.map((value) =>
      draft({
        name: value.key,
        namespace: value.namespace,
        aliases: value.addresses.map(addressAlias),
        value,
        encode: encodeService,
      }),
    ),
  ]
}

function workloadDraft(value: Workload, services: ReadonlyMap<string, Service>): Draft {
  const { uid, namespace, network } = value
  return draft({
    name: uid,
    namespace,
    aliases: value.addresses.map((ip) => addressAlias({ network, ip })),
    services: [...value.services.keys()].flatMap((key) => services.get(key) ?? []),
    value,
    encode: encodeWorkload,
  })
}

/** Pods of the host's network share the node's address, so any other owner of it comes first. */
function hostNetworkLast(a: Workload, b: Workload): number {
  return Number(a.hostNetwork) - Number(b.hostNetwork) || (a.uid < b.uid ? -1 : 1)
}

function podsOf(state: RegistryState, workloads: readonly Workload[]): Map<string, Pod> {
  const byUid = new Map(workloads.map((workload) => [workload.uid, workload]))
  const meshed = state.workloads.filter((pod) => pod.meshed)
  return new Map(
    meshed.map((pod) => {
      const { podUid, serviceAccount } = pod
      const uid = workloadUid(pod)
      const authorizations = new Set(byUid.get(uid)?.authorizationPolicies)
      return [podKey(pod.namespace, pod.name), { uid, podUid, serviceAccount, authorizations }]
    }),
  )
}

function modelVersion(types: Model['types'], pods: Model['pods'], scope: string): string {
  const resources = [...types.values()].flatMap(({ byName }) =>
    [...byName.values()].map(({ name, version }) => `${name} ${version}`).sort(),
  )
  const callers = [...pods].map(([key, { podUid, serviceAccount }]) => `${key} ${podUid} ${serviceAccount}`)
  // One string, since a hash takes long to be told thousands of short ones.
  return hash([[scope, ...resources, ...callers.sort()].join('\0')])
}
