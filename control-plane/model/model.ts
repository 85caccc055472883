import type { SidecarScope } from '#mesh/settings.ts'
import type { TypeUrl } from './type-urls.ts'

/** The mesh at one moment, encoded: every subscriber shares it, none changes it. */
export interface Model {
  /** A hash of everything in it. */
  readonly version: string
  readonly sidecarScope: SidecarScope
  readonly types: ReadonlyMap<TypeUrl, ResourceSet>
  /** The pods that may subscribe, which are the meshed ones, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, Pod>
}

export interface ResourceSet {
  readonly byName: ReadonlyMap<string, Resource>
  /** Each alias belongs to one resource. */
  readonly byAlias: ReadonlyMap<string, Resource>
  /** The endpoints of a service, by its name. */
  readonly endpoints: ReadonlyMap<string, readonly Resource[]>
}

export interface Resource {
  readonly name: string
  readonly aliases: readonly string[]
  /** A hash of the content: equal content has an equal version, whichever process made it. */
  readonly version: string
  /** The namespaces that it belongs to: its own, and those of the services that it is an endpoint of. */
  readonly namespaces: ReadonlySet<string>
  /** Names and aliases of the services that it is an endpoint of: whoever asks for one needs its endpoints too. */
  readonly serves: readonly string[]
  /** An encoded `envoy.service.discovery.v3.Resource`, ready to be copied into a response. */
  readonly encoded: Uint8Array
}

/** What decides a pod's scope. */
export interface Pod {
  /** The resource name of its own Workload. */
  readonly uid: string
  readonly podUid: string
  readonly serviceAccount: string
  /** Names of the Authorizations that hold on it. */
  readonly authorizations: ReadonlySet<string>
}

export function podKey(namespace: string, name: string): string {
  return `${namespace}/${name}`
}

/** The resource of that name or alias. */
export function find(set: ResourceSet | undefined, nameOrAlias: string): Resource | undefined {
  return set?.byName.get(nameOrAlias) ?? set?.byAlias.get(nameOrAlias)
}
