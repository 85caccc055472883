import type { Caller } from '../authority/tokens.ts'
import type { Difference } from '../model/diff.ts'
import type { Model, Resource } from '../model/model.ts'
import { publishedTypes, type TypeUrl, typeUrls } from '../model/type-urls.ts'
import type { DiscoveryRequest, RootsInUse } from './request.ts'
import type { DiscoveryResponse } from './response.ts'
import { scopeOf } from './scope.ts'
import { type Batch, type Part, type Sight, Subscription } from './subscription.ts'

/** What a request said about an earlier response. */
export type Verdict =
  | { readonly kind: 'none' }
  | { readonly kind: 'ack' }
  /** `names` are those of the response; the refusal says which of them, and why. */
  | { readonly kind: 'nack'; readonly names: readonly string[]; readonly refusal: string }

interface Unanswered {
  readonly nonce: string
  readonly names: readonly string[]
  /** The version of the trust bundle in it. */
  readonly trust: string | undefined
}

interface Stage {
  readonly rank: number
  readonly type: TypeUrl
  readonly part: Part
}

/**
 * The order on a stream. A stage waits until all of a lower rank is sent, so a workload never names a policy
 * that its client was not sent, and a policy goes only when no workload names it any longer.
 */
const stages: readonly Stage[] = [
  { rank: 0, type: typeUrls.settings, part: 'all' },
  { rank: 0, type: typeUrls.secret, part: 'all' },
  { rank: 1, type: typeUrls.authorization, part: 'changed' },
  { rank: 2, type: typeUrls.address, part: 'all' },
  { rank: 3, type: typeUrls.authorization, part: 'removed' },
]

/**
 * What one client must still be told, and in which order. Holds names, never content: a response is made from the
 * newest model when its turn comes, and the next of its type only after the client answered it.
 */
export class Delivery {
  readonly #caller: Caller
  readonly #subscriptions = new Map<TypeUrl, Subscription>()
  /** Types asked for that nobody publishes: answered once, with nothing. */
  readonly #foreign = new Map<string, 'due' | 'sent'>()
  /** By type. */
  readonly #unanswered = new Map<string, Unanswered>()
  #sight: Sight
  #sent = 0
  /** The version of the trust bundle that the client has, by its own word. */
  #trust: string | undefined
  #roots: RootsInUse | undefined

  private constructor(caller: Caller, sight: Sight) {
    this.#caller = caller
    this.#sight = sight
  }

  /** Undefined when the model has no such pod. */
  static open(caller: Caller, model: Model): Delivery | undefined {
    const scope = scopeOf(model, caller)
    return scope && new Delivery(caller, { model, scope })
  }

  /** Whether the client owes an answer. */
  get waiting(): boolean {
    return this.#unanswered.size > 0
  }

  /** Whether the client acknowledged the newest trust bundle. */
  get hasNewestTrust(): boolean {
    return this.#trust !== undefined && this.#trust === this.#newestTrust?.version
  }

  /** The roots that the client depends on, by its newest word; undefined while it has said nothing. */
  get roots(): RootsInUse | undefined {
    return this.#roots
  }

  /** Takes what the client says. Throws RequestError when it asks for too much. */
  receive(request: DiscoveryRequest): Verdict {
    const verdict = this.#answered(request)
    this.#roots = request.roots ?? this.#roots
    if (isPublished(request.type)) this.#subscribe(request.type, request)
    else if (!this.#foreign.has(request.type) && this.#foreign.size < 16)
      this.#foreign.set(request.type, 'due')
    return verdict
  }

  /** Goes over to the next model. False when the caller's pod is not in it: its stream must end. */
  publish(model: Model, differences: ReadonlyMap<TypeUrl, Difference>): boolean {
    const scope = scopeOf(model, this.#caller)
    if (!scope) return false
    const next = { model, scope }
    for (const [type, subscription] of this.#subscriptions) {
      subscription.advance(this.#sight, next, differences.get(type))
    }
    this.#sight = next
    return true
  }

  /** The response to send now; undefined when there is none, or when the client must answer first. */
  next(): DiscoveryResponse | undefined {
    for (const [type, state] of this.#foreign) {
      if (state === 'due') {
        this.#foreign.set(type, 'sent')
        return this.#respond(type, { resources: [], removed: [] })
      }
    }
    let blocked = Number.POSITIVE_INFINITY
    for (const { rank, type, part } of stages) {
      if (rank > blocked) return undefined
      const subscription = this.#subscriptions.get(type)
      if (!subscription?.due(part, this.#sight)) continue
      if (!this.#unanswered.has(type)) return this.#respond(type, subscription.take(part, this.#sight))
      blocked = rank
    }
    return undefined
  }

  #subscribe(type: TypeUrl, request: DiscoveryRequest): void {
    const subscription = this.#subscriptions.get(type)
    if (subscription) return subscription.change(request, this.#sight)
    this.#subscriptions.set(type, new Subscription(type, request, this.#sight))
    const trust = this.#newestTrust
    if (type === typeUrls.secret && trust) this.#trust = request.initialVersions.get(trust.name)
  }

  /** There is one bundle, of the mesh's own trust domain. */
  get #newestTrust(): Resource | undefined {
    return this.#sight.model.types.get(typeUrls.secret)?.byName.values().next().value
  }

  /** An answer to anything but the newest response of its type says nothing. */
  #answered({ type, answer }: DiscoveryRequest): Verdict {
    const sent = this.#unanswered.get(type)
    if (!answer || sent?.nonce !== answer.nonce) return { kind: 'none' }
    this.#unanswered.delete(type)
    if (answer.refusal === undefined) {
      this.#trust = sent.trust ?? this.#trust
      return { kind: 'ack' }
    }
    return { kind: 'nack', names: sent.names, refusal: answer.refusal }
  }

  #respond(type: string, batch: Batch): DiscoveryResponse {
    this.#sent += 1
    const nonce = String(this.#sent)
    const trust = type === typeUrls.secret ? batch.resources[0]?.version : undefined
    this.#unanswered.set(type, { nonce, names: batch.resources.map(({ name }) => name), trust })
    return { type, nonce, modelVersion: this.#sight.model.version, ...batch }
  }
}

function isPublished(type: string): type is TypeUrl {
  return (publishedTypes as readonly string[]).includes(type)
}
