import { createHash } from 'node:crypto'
import { compilePolicies } from '#mesh/policy/compile.ts'
import type { NetworkAddress, Workload } from '#mesh/workload.ts'
import { Resource as WireResource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import {
  encodeService,
  encodeSettings,
  encodeTrustBundle,
  encodeWorkload,
  type TrustBundle,
} from './encode.ts'
import { encodeAuthorization } from './encode-authorization.ts'
import { type Model, type Pod, podKey, type Resource, type ResourceSet } from './model.ts'
import type { RegistryState } from './registry-state.ts'
import { publishedTypes, type TypeUrl, typeUrls } from './type-urls.ts'
import { servicesOf, workloadsOf, workloadUid } from './workloads.ts'

/** Everything that the control plane publishes, encoded once. Pure: equal inputs give equal versions. */
export function buildModel(state: RegistryState, bundle: TrustBundle): Model {
  const policies = compilePolicies(state.policies)
  const workloads = workloadsOf(state, (workload) => policies.policiesFor(workload))
  const { settings } = state.mesh
  const drafts: Record<TypeUrl, readonly Draft[]> = {
    [typeUrls.settings]: [{ name: 'mesh', content: encodeSettings(settings) }],
    [typeUrls.secret]: [{ name: bundle.trustDomain, content: encodeTrustBundle(bundle) }],
    [typeUrls.authorization]: [...policies.authorizations.values()].map((authorization) => ({
      name: authorization.key,
      namespace: authorization.namespace,
      content: encodeAuthorization(authorization),
    })),
    [typeUrls.address]: [
      ...workloads.toSorted(hostNetworkLast).map(workloadDraft),
      ...servicesOf(state).map((service) => ({
        name: service.key,
        namespace: service.namespace,
        aliases: service.addresses.map(addressAlias),
        content: encodeService(service),
      })),
    ],
  }
  const types = new Map(publishedTypes.map((type) => [type, resourceSet(type, drafts[type])]))
  const pods = podsOf(state, workloads)
  const { sidecarScope } = state.mesh
  return { version: modelVersion(types, pods, sidecarScope), sidecarScope, types, pods }
}

interface Draft {
  readonly name: string
  readonly namespace?: string
  readonly aliases?: readonly string[]
  /** The encoded body. */
  readonly content: Uint8Array
}

function workloadDraft(workload: Workload): Draft {
  const { uid, namespace, network } = workload
  const aliases = workload.addresses.map((ip) => addressAlias({ network, ip }))
  return { name: uid, namespace, aliases, content: encodeWorkload(workload) }
}

/** Pods of the host's network share the node's address, so any other owner of it comes first. */
function hostNetworkLast(a: Workload, b: Workload): number {
  return Number(a.hostNetwork) - Number(b.hostNetwork) || (a.uid < b.uid ? -1 : 1)
}

/** The name by which a client asks for whoever has an address. */
export function addressAlias({ network, ip }: NetworkAddress): string {
  return `${network}/${ip}`
}

function resourceSet(type: TypeUrl, drafts: readonly Draft[]): ResourceSet {
  const byName = new Map<string, Resource>()
  const byAlias = new Map<string, Resource>()
  for (const { name, namespace, aliases = [], content } of drafts) {
    const own = aliases.filter((alias) => !byAlias.has(alias))
    const version = hash([content, own.join('\n')])
    const body = { typeUrl: type, value: content }
    const encoded = WireResource.encode({ version, resource: body, name, aliases: own }).finish()
    const resource = { name, aliases: own, version, namespace, encoded }
    byName.set(name, resource)
    for (const alias of own) byAlias.set(alias, resource)
  }
  return { byName, byAlias }
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
  return hash([scope, ...resources, ...callers.sort()])
}

/** 96 bits of SHA-256, in base64url. */
function hash(parts: readonly (string | Uint8Array)[]): string {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part).update('\0')
  return digest.digest('base64url').slice(0, 16)
}
