import type { IpAddress } from '#mesh/address.ts'
import type { Log } from '#runtime/log.ts'
import type { PolicyObject } from './objects/policy.ts'
import type { LostAddress } from './state/addresses.ts'
import { type Judgement, meanwhile } from './state/policies.ts'
import type { UnclaimedEndpoint } from './state/services.ts'

export interface Found {
  readonly judgements: ReadonlyMap<PolicyObject, Judgement>
  readonly lost: readonly LostAddress[]
  readonly unclaimed: readonly UnclaimedEndpoint[]
  readonly outside: readonly IpAddress[]
}

/** Says once what is wrong with a cluster's objects, and again only when that changes. */
export class Findings {
  readonly #log: Log
  #told: ReadonlySet<string> = new Set()
  #settings = ''
  #outside = false

  constructor(log: Log) {
    this.#log = log
  }

  /** Whether the problems are news. */
  settings(problems: readonly string[]): boolean {
    const text = problems.join('\n')
    if (text === this.#settings) return false
    this.#settings = text
    for (const problem of problems) this.#log.error('settings refused', { problem })
    if (problems.length === 0) this.#log.info('settings accepted')
    return true
  }

  tell({ judgements, lost, unclaimed, outside }: Found): void {
    const messages = new Set([
      ...refused(judgements),
      ...lost.map(lostAddress),
      ...unclaimed.map(unclaimedEndpoint),
    ])
    for (const message of messages) if (!this.#told.has(message)) this.#log.warn(message)
    this.#told = messages
    if (outside.length > 0 && !this.#outside) {
      this.#log.warn(
        'pods have addresses outside of the networks of the mesh, where a destination that is not known yet is dialled ' +
          'in plaintext: write networks into ConfigMap weft-settings',
        { addresses: outside.slice(0, 5), count: outside.length },
      )
    }
    this.#outside = outside.length > 0
  }
}

function refused(judgements: Found['judgements']): string[] {
  return [...judgements].flatMap(([{ kind, namespace, name }, judgement]) => {
    if (judgement.kind === 'accepted') return []
    return `${kind} ${namespace}/${name} is refused, ${meanwhile(judgement)}: ${judgement.problems.join('; ')}`
  })
}

function lostAddress({ service, ip, owner }: LostAddress): string {
  return `service ${service.namespace}/${service.name} does not get address ${ip}, which ${owner} has`
}

function unclaimedEndpoint({ service, ip }: UnclaimedEndpoint): string {
  return (
    `service ${service.namespace}/${service.name} does not lead to its endpoint ${ip}, which lies inside the networks of ` +
    'the mesh and is no pod’s: a pod could get it, so nobody is dialled there in plaintext. If it is none of pods or ' +
    'services, write networks that leave it out into ConfigMap weft-settings'
  )
}
