import { createHash } from 'node:crypto'
import { cidrOf } from '#mesh/address.ts'
import { compilePolicies } from '#mesh/policy/compile.ts'
import type { MeshSettings } from '#mesh/settings.ts'
import { insideMesh } from '#mesh/snapshot.ts'
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
import type { RegistryState, RegistryWorkload } from './registry-state.ts'
import { Remembered } from './remembered.ts'
import { type Draft, type MadeResources, resourceSet } from './resource-set.ts'
import { publishedTypes, type TypeUrl, typeUrls } from './type-urls.ts'
import { type Population, PopulationMemory, populationOf } from './workloads.ts'

/** Everything that the control plane publishes, encoded once. Pure: equal inputs give equal versions. */
export function buildModel(state: RegistryState, bundle: TrustBundle): Model {
  return new ModelBuilder().build(state, bundle)
}

/**
 * Builds one model after the other, each as `buildModel` does; what did not change since the last one is shared with it.
 * It is quick where the registry's objects are shared from one state to the next, too: then only what is made of others
 * is made again.
 */
export class ModelBuilder {
  #made: ReadonlyMap<TypeUrl, MadeResources> = new Map()
  readonly #population = new PopulationMemory()
  readonly #drafts = new Remembered<Workload, Draft>()
  readonly #pods = new Remembered<RegistryWorkload, KeyedPod>()
  readonly #stamps: Stamps = new Remembered()
  readonly #rootNamespace: string | undefined

  /** Policies of the root namespace hold in the whole mesh; `weft-system` unless told otherwise. */
  constructor(rootNamespace?: string) {
    this.#rootNamespace = rootNamespace
  }

  build(state: RegistryState, bundle: TrustBundle): Model {
    const policies = compilePolicies(state.policies, this.#rootNamespace)
    const { policiesFor } = policies
    const population = populationOf(state, policiesFor, this.#population)
    const { sidecarScope } = state.mesh
    const drafts: Record<TypeUrl, readonly Draft[]> = {
      [typeUrls.settings]: [
        draft({ name: 'mesh', value: settingsOf(state, population), encode: encodeSettings }),
      ],
      [typeUrls.secret]: [draft({ name: bundle.trustDomain, value: bundle, encode: encodeTrustBundle })],
      [typeUrls.authorization]: [...policies.authorizations.values()].map((value) =>
        draft({ name: value.key, namespace: value.namespace, value, encode: encodeAuthorization }),
      ),
      [typeUrls.address]: addressDrafts(population, this.#drafts),
    }
    const results = publishedTypes.map((type) => {
      return [type, resourceSet(type, drafts[type], this.#made.get(type))] as const
    })
    this.#made = new Map(results.map(([type, { made }]) => [type, made]))
    const types = new Map(results.map(([type, { set }]) => [type, set]))
    const pods = podsOf(state, population, this.#pods)
    const content = { sidecarScope, types, pods }
    return { version: modelVersion(content, this.#stamps), ...content }
  }
}

/**
 * The settings as sidecars get them. One that sees its own namespace alone has to ask about every address that may lead to
 * a meshed pod, also where it lies beyond the networks: a load balancer's, or such a pod's own.
 */
function settingsOf({ mesh }: RegistryState, { workloads, services }: Population): MeshSettings {
  const { settings, sidecarScope } = mesh
  const known = { ...settings, sidecarScope }
  if (sidecarScope === 'mesh') return known
  const addresses = [
    ...services.flatMap((service) => service.addresses.map(({ ip }) => ip)),
    ...workloads.filter(({ tunnel }) => tunnel === 'hbone').flatMap((workload) => workload.addresses),
  ]
  const beyond = new Set(addresses.filter((ip) => !insideMesh(known, ip)))
  return { ...known, networks: [...settings.networks, ...[...beyond].toSorted().map(cidrOf)] }
}

/** Checks that `encode` takes the value, which a list of drafts of all kinds no longer tells. */
function draft<Value>(one: Draft<Value>): Draft {
  return one as Draft
}

function addressDrafts({ workloads, services }: Population, memory: Remembered<Workload, Draft>): Draft[] {
  const byKey = new Map(services.map((service) => [service.key, service]))
  return [
    ...workloads.toSorted(hostNetworkLast).map((workload) => {
      const served = [...workload.services.keys()].flatMap((key) => byKey.get(key) ?? [])
      return memory.of(workload, served, () => workloadDraft(workload, served))
    }),
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

function workloadDraft(value: Workload, services: readonly Service[]): Draft {
  const { uid, namespace, network } = value
  return draft({
    name: uid,
    namespace,
    aliases: value.addresses.map((ip) => addressAlias({ network, ip })),
    services,
    value,
    encode: encodeWorkload,
  })
}

/** Pods of the host's network share the node's address, so any other owner of it comes first. */
function hostNetworkLast(a: Workload, b: Workload): number {
  return Number(a.hostNetwork) - Number(b.hostNetwork) || (a.uid < b.uid ? -1 : 1)
}

type KeyedPod = readonly [key: string, pod: Pod]

function podsOf(
  registry: RegistryState,
  { workloads }: Population,
  memory: Remembered<RegistryWorkload, KeyedPod>,
): Map<string, Pod> {
  const subscribers: KeyedPod[] = []
  for (const [i, pod] of registry.workloads.entries()) {
    if (!pod.meshed) continue
    const { authorizationPolicies } = workloads[i]!
    subscribers.push(memory.of(pod, authorizationPolicies, () => subscriber(pod, authorizationPolicies)))
  }
  return new Map(subscribers)
}

function subscriber(pod: RegistryWorkload, authorizationPolicies: readonly string[]): KeyedPod {
  const { namespace, name, podUid, serviceAccount } = pod
  const authorizations = new Set(authorizationPolicies)
  return [podKey(namespace, name), { uid: workloadUid(pod), podUid, serviceAccount, authorizations }]
}

/**
 * A sum of hashes: it does not depend on the order in which the registry lists its objects, and what is shared with the
 * model before is not hashed again. It only tells one model from another; what clients hold goes by the hash of each
 * resource.
 */
function modelVersion({ types, pods, sidecarScope }: Omit<Model, 'version'>, stamps: Stamps): string {
  let sum = 0n
  const add = (key: object, ...parts: readonly string[]): void => {
    sum += stamps.of(key, parts, () =>
      BigInt(`0x${createHash('sha256').update(parts.join('\0')).digest('hex')}`),
    )
  }
  for (const [type, { byName }] of types) {
    for (const resource of byName.values()) add(resource, type, resource.name, resource.version)
  }
  for (const [key, pod] of pods) add(pod, key, pod.podUid, pod.serviceAccount)
  return hash([sidecarScope, sum.toString(16)])
}

/** The hashes of resources and pods. */
type Stamps = Remembered<object, bigint>
