import { buildModel } from '../../model/build-model.ts'
import { diff } from '../../model/diff.ts'
import type { Model } from '../../model/model.ts'
import type { RegistryState } from '../../model/registry-state.ts'
import { publishedTypes } from '../../model/type-urls.ts'
import { Delivery } from '../delivery.ts'
import type { DiscoveryRequest } from '../request.ts'
import type { DiscoveryResponse } from '../response.ts'

export function modelOf(state: RegistryState, rootsPem = 'ROOTS'): Model {
  return buildModel(state, { trustDomain: state.mesh.trustDomain, rootsPem })
}

/** A client and the delivery that serves it, without a wire between them. */
export class Client {
  readonly delivery: Delivery
  /** By type: name to version. */
  readonly held = new Map<string, Map<string, string>>()
  readonly unanswered = new Map<string, DiscoveryResponse>()
  readonly received: DiscoveryResponse[] = []
  #model: Model

  constructor(model: Model, podName: string) {
    const caller = { namespace: 'shop', podName, podUid: `uid-of-${podName}`, serviceAccount: 'default' }
    const delivery = Delivery.open(caller, model)
    if (!delivery) throw new Error(`no pod ${podName}`)
    this.delivery = delivery
    this.#model = model
  }

  publish(next: Model): boolean {
    const differences = diff(this.#model, next)
    this.#model = next
    return this.delivery.publish(next, differences)
  }

  request(type: string, parts: Partial<DiscoveryRequest> = {}) {
    const none = {
      wildcard: false,
      subscribe: [],
      unsubscribe: [],
      initialVersions: new Map(),
      answer: undefined,
      roots: undefined,
    }
    return this.delivery.receive({ type, ...none, ...parts })
  }

  subscribeToAll(): this {
    for (const type of publishedTypes) this.request(type)
    return this
  }

  /** Takes the next response, applies it, and leaves it unanswered. */
  read(): DiscoveryResponse | undefined {
    const response = this.delivery.next()
    if (!response) return undefined
    if (this.unanswered.has(response.type)) throw new Error(`two ${response.type} without an answer`)
    this.unanswered.set(response.type, response)
    this.received.push(response)
    const held = this.held.get(response.type) ?? new Map<string, string>()
    this.held.set(response.type, held)
    for (const { name, version } of response.resources) held.set(name, version)
    for (const name of response.removed) held.delete(name)
    return response
  }

  answer(type: string, refusal?: string) {
    const response = this.unanswered.get(type)
    if (!response) return { kind: 'none' } as const
    this.unanswered.delete(type)
    return this.request(type, { answer: { nonce: response.nonce, refusal } })
  }

  /** Reads and acknowledges until nothing is left. */
  settle(): this {
    for (let i = 0; i < 1000; i++) {
      const types = [...this.unanswered.keys()]
      for (const type of types) this.answer(type)
      if (!this.read() && types.length === 0) return this
    }
    throw new Error('the server never stops')
  }

  names(type: string): string[] {
    return [...(this.held.get(type)?.keys() ?? [])].sort()
  }
}
