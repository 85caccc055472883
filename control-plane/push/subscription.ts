import type { Difference } from '../model/diff.ts'
import { find, type Model, type Resource, type ResourceSet } from '../model/model.ts'
import { type TypeUrl, typeUrls } from '../model/type-urls.ts'
import { type DiscoveryRequest, RequestError } from './request.ts'
import { framedSize, responseLimit } from './response.ts'
import { covers, type Scope } from './scope.ts'

/** A model as one client sees it. */
export interface Sight {
  readonly model: Model
  readonly scope: Scope
}

/** What one response may carry: all that is due, or only one kind of it. */
export type Part = 'all' | 'changed' | 'removed'

export interface Batch {
  readonly resources: readonly Resource[]
  readonly removed: readonly string[]
}

/** Names and aliases that a client may ask for, of one type. */
const mostAsked = 5_000

/** One type on one stream: what the client wants, and the names that it must still be told about. */
export class Subscription {
  readonly #type: TypeUrl
  readonly #asked = new Set<string>()
  /** Names and aliases whose state at the client may differ from the model's. Content is looked up when sent. */
  readonly #pending = new Set<string>()
  #wildcard: boolean
  /** The first request is answered even when there is nothing to say, so that the client knows it is in step. */
  #owesFirst = true

  constructor(type: TypeUrl, first: DiscoveryRequest, sight: Sight) {
    this.#type = type
    this.#wildcard = first.wildcard || first.subscribe.length === 0
    this.#ask(first.subscribe)
    this.#compare(first.initialVersions, sight)
  }

  /** Takes a later request of the type. */
  change(request: DiscoveryRequest, sight: Sight): void {
    if (request.wildcard && !this.#wildcard) {
      this.#wildcard = true
      this.#compare(new Map(), sight)
    }
    for (const name of request.unsubscribe) this.#unask(name, sight)
    this.#ask(request.subscribe)
    for (const name of request.subscribe) {
      this.#pending.add(name)
      for (const endpoint of this.#endpoints(name, sight)) this.#pending.add(endpoint)
    }
  }

  /** Notes what the step from one model to the next changes for the client. */
  advance(from: Sight, to: Sight, difference: Difference | undefined): void {
    for (const name of difference?.changed ?? []) this.#note(name, from, to)
    for (const name of difference?.removed ?? []) this.#note(name, from, to)
    for (const name of this.#rescoped(from, to)) {
      if (!this.#held(name, from) !== !this.#held(name, to)) this.#pending.add(name)
    }
  }

  /** Whether a response of this part is due. */
  due(part: Part, sight: Sight): boolean {
    if (this.#owesFirst && part !== 'removed') return true
    if (part === 'all') return this.#pending.size > 0
    return this.#pending
      .values()
      .some((name) => (this.#seen(name, sight) !== undefined) === (part === 'changed'))
  }

  /** Takes the next response's worth of pending names, as they are in the model now. */
  take(part: Part, sight: Sight): Batch {
    if (part !== 'removed') this.#owesFirst = false
    const resources = new Map<string, Resource>()
    const removed: string[] = []
    let size = 0
    for (const name of this.#pending) {
      const resource = this.#seen(name, sight)
      if (part !== 'all' && (resource !== undefined) !== (part === 'changed')) continue
      if (!resource || !resources.has(resource.name)) {
        size += framedSize(resource ? resource.encoded.length : Buffer.byteLength(name))
        if (size > responseLimit && resources.size + removed.length > 0) break
        if (resource) resources.set(resource.name, resource)
        else removed.push(name)
      }
      this.#pending.delete(name)
    }
    return { resources: [...resources.values()], removed }
  }

  #ask(names: readonly string[]): void {
    for (const name of names) this.#asked.add(name)
    if (this.#asked.size > mostAsked) {
      throw new RequestError(
        `more than ${mostAsked} names of ${this.#type} are asked for: unsubscribe from some`,
      )
    }
  }

  #unask(name: string, sight: Sight): void {
    if (name === '*') this.#wildcard = false
    if (!this.#asked.delete(name)) return
    // What the wildcard covers as well stays at the client, which must hear so.
    if (this.#seen(name, sight)) this.#pending.add(name)
    else this.#pending.delete(name)
    for (const endpoint of this.#endpoints(name, sight)) this.#pending.add(endpoint)
  }

  /**
   * Makes pending what differs between the client's versions and the model. Its own workload comes last, in the last
   * response if there are several: a sidecar that has it serves, and must know by then what else there is.
   */
  #compare(known: ReadonlyMap<string, string>, sight: Sight): void {
    const { byName } = this.#set(sight) ?? { byName: new Map<string, Resource>() }
    for (const name of byName.keys()) {
      const resource = this.#held(name, sight)
      if (resource && known.get(name) !== resource.version) this.#pending.add(name)
    }
    for (const name of known.keys()) if (!this.#held(name, sight)) this.#pending.add(name)
    for (const name of this.#asked) if (!this.#seen(name, sight)) this.#pending.add(name)
    const { uid } = sight.scope
    if (this.#pending.delete(uid)) this.#pending.add(uid)
  }

  /** The client held it, or is to hold it: either way it must hear. */
  #note(name: string, from: Sight, to: Sight): void {
    const held = this.#held(name, from)
    if (held || this.#held(name, to)) this.#pending.add(name)
    // Whoever asked by address hears that nobody has it any longer.
    for (const alias of held?.aliases ?? []) {
      if (this.#asked.has(alias) && !this.#seen(alias, to)) this.#pending.add(alias)
    }
  }

  /** Names that the client may begin or cease to hold although they did not change. */
  #rescoped(from: Sight, to: Sight): Iterable<string> {
    switch (this.#type) {
      case typeUrls.settings:
      case typeUrls.secret:
        return []
      case typeUrls.authorization:
        return from.scope.authorizations.symmetricDifference(to.scope.authorizations)
      case typeUrls.address:
        return from.scope.addresses === to.scope.addresses ? [] : (this.#set(to)?.byName.keys() ?? [])
    }
  }

  /** The resource of that name, when the client is to hold it. */
  #held(name: string, sight: Sight): Resource | undefined {
    const resource = this.#set(sight)?.byName.get(name)
    return resource && this.#covers(resource, sight) ? resource : undefined
  }

  /** The resource of a name or alias, when the client is to hold it. */
  #seen(name: string, sight: Sight): Resource | undefined {
    const resource = find(this.#set(sight), name)
    return resource && this.#covers(resource, sight) ? resource : undefined
  }

  /** Names of the endpoints of the service that has this name or alias. */
  #endpoints(name: string, sight: Sight): readonly string[] {
    const set = this.#set(sight)
    const service = find(set, name)
    return (service && set?.endpoints.get(service.name)?.map((endpoint) => endpoint.name)) ?? []
  }

  #set({ model }: Sight): ResourceSet | undefined {
    return model.types.get(this.#type)
  }

  #covers(resource: Resource, { scope }: Sight): boolean {
    return covers(scope, { wildcard: this.#wildcard, asked: this.#asked }, this.#type, resource)
  }
}
