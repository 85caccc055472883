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

interface Made {
  readonly draft: Draft
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
    const aliases = draft.aliases?.filter((alias) => !byAlias.has(alias)) ?? []
    const known = before?.get(name)
    const one =
      known && isMadeOf(known, draft, aliases) ? known : { draft, resource: make(type, draft, aliases) }
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

/** Whether `make` would make the same again: all that it reads is compared here. */
function isMadeOf({ draft: old, resource }: Made, draft: Draft, aliases: readonly string[]): boolean {
  if (!sameContent(resource.aliases, aliases)) return false
  if (old === draft) return true
  return (
    old.encode === draft.encode &&
    old.namespace === draft.namespace &&
    sameServices(old.services, draft.services) &&
    sameContent(old.value, draft.value)
  )
}

function sameServices(a: Draft['services'] = [], b: Draft['services'] = []): boolean {
  if (a.length !== b.length) return false
  return a.every(({ key, namespace, addresses }, i) => {
    const other = b[i]!
    return key === other.key && namespace === other.namespace && sameContent(addresses, other.addresses)
  })
}

function make(type: TypeUrl, draft: Draft, aliases: readonly string[]): Resource {
  const { name, namespace, services = [], value, encode } = draft
  const content = encode(value)
  const serves = services.flatMap(({ key, addresses }) => [key, ...addresses.map(addressAlias)])
  // Who may see it is part of what it is: a change of that alone must reach those who begin to.
  const version = hash([content, aliases.join('\n'), serves.join('\n')])
  const resource = { typeUrl: type, value: content }
  const encoded = WireResource.encode({ version, resource, name, aliases: [...aliases] }).finish()
  const namespaces = new Set([
    ...(namespace === undefined ? [] : [namespace]),
    ...services.map((service) => service.namespace),
  ])
  return { name, aliases, version, namespaces, serves, encoded }
}
