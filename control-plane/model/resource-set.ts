import type { NetworkAddress } from '#mesh/workload.ts'
import { Resource as WireResource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { hash } from './hash.ts'
import type { Resource, ResourceSet } from './model.ts'
import { addressAlias } from './names.ts'
import { sameContent } from './same-content.ts'
import type { TypeUrl } from './type-urls.ts'

/** What a resource is made of. */
export interface Draft<Value = unknown> {
  readonly name: string
  readonly namespace?: string
  readonly aliases?: readonly string[]
  /** The services that it is an endpoint of. */
  readonly services?: readonly ServedService[]
  /** Plain data that nothing changes; the body is `encode` of it and of nothing else. */
  readonly value: Value
  readonly encode: (value: Value) => Uint8Array
}

export interface ServedService {
  readonly key: string
  readonly namespace: string
  readonly addresses: readonly NetworkAddress[]
}

/** All that decides a resource, of its type. */
interface Ingredients {
  readonly namespaces: readonly string[]
  readonly aliases: readonly string[]
  readonly serves: readonly string[]
  readonly value: unknown
  readonly encode: unknown
}

interface Made {
  readonly from: Ingredients
  readonly resource: Resource
}

/** What was made of the drafts before, by name. */
export type MadeResources = ReadonlyMap<string, Made>

/**
 * Makes the resources of one type, except those that were made of the very same ingredients before: encoding and
 * hashing thousands of resources for the few that changed is what a control plane would spend its time on.
 */
export function resourceSet(
  type: TypeUrl,
  drafts: readonly Draft[],
  before: MadeResources | undefined,
): { readonly set: ResourceSet; readonly made: MadeResources } {
  const byName = new Map<string, Resource>()
  const byAlias = new Map<string, Resource>()
  const endpoints = new Map<string, Resource[]>()
  const made = new Map<string, Made>()
  for (const draft of drafts) {
    const { name, services = [] } = draft
    const from = ingredientsOf(draft, byAlias)
    const known = before?.get(name)
    const one = known && sameContent(known.from, from) ? known : { from, resource: make(type, draft, from) }
    const { resource } = one
    made.set(name, one)
    byName.set(name, resource)
    for (const alias of resource.aliases) byAlias.set(alias, resource)
    for (const { key } of services) {
      const list = endpoints.get(key)
      if (list) list.push(resource)
      else endpoints.set(key, [resource])
    }
  }
  return { set: { byName, byAlias, endpoints }, made }
}

function ingredientsOf(draft: Draft, taken: ReadonlyMap<string, Resource>): Ingredients {
  const { namespace, aliases = [], services = [], value, encode } = draft
  return {
    namespaces: [...(namespace === undefined ? [] : [namespace]), ...services.map((one) => one.namespace)],
    aliases: aliases.filter((alias) => !taken.has(alias)),
    serves: services.flatMap(({ key, addresses }) => [key, ...addresses.map(addressAlias)]),
    value,
    encode,
  }
}

function make(
  type: TypeUrl,
  { name, value, encode }: Draft,
  { namespaces, aliases, serves }: Ingredients,
): Resource {
  const content = encode(value)
  // Who may see it is part of what it is: a change of that alone must reach those who begin to.
  const version = hash([content, aliases.join('\n'), serves.join('\n')])
  const resource = { typeUrl: type, value: content }
  const encoded = WireResource.encode({ version, resource, name, aliases: [...aliases] }).finish()
  return { name, aliases, version, namespaces: new Set(namespaces), serves, encoded }
}
