import type { EndpointAddress, IpAddress, SocketAddress } from '#mesh/address.ts'
import type { DenialReason, PolicyRule } from '#mesh/policy/decision.ts'
import { describeDenial } from '#mesh/policy/explain.ts'
import type { SpiffeId } from '#mesh/spiffe-id.ts'
import type { Service, Workload } from '#mesh/workload.ts'
import type { Carried, TransferOutcome } from '../proxy/pump.ts'
import { type Refusal, RefusedError } from './refusal.ts'

export type Direction = 'inbound' | 'outbound'

/** Tells whether a live connection may stay; a refusal cuts it. */
export type Check = () => Refusal | undefined

export interface RecordHooks {
  connected(record: ConnectionRecord): void
  disposed(record: ConnectionRecord): void
  /** A dry-run policy would deny it; told once for each. */
  wouldDeny(record: ConnectionRecord, policy: string): void
}

/** Everything that is told about one connection: written to while it lives, told exactly once when it is disposed. */
export class ConnectionRecord implements Disposable {
  readonly id: number
  readonly direction: Direction
  readonly #abort = new AbortController()
  readonly #started = performance.now()
  readonly #hooks: RecordHooks

  /** Who opened it: a TCP peer's address, and the workload that the view has there. */
  source: {
    readonly ip: IpAddress
    readonly port?: number | undefined
    readonly workload: Workload | undefined
  }
  destination: SocketAddress | undefined
  service: Service | undefined
  endpoint: EndpointAddress | undefined
  destinationWorkload: Workload | undefined
  /** The identity that the other end proved; undefined without mutual TLS. */
  peer: SpiffeId | undefined
  /** The serial of the certificate that it proved it with. */
  peerSerial: string | undefined
  keyExchange: string | undefined
  allowedBy: PolicyRule | undefined
  /** Why dry-run policies would deny it, as of the last verdict. */
  wouldDeny: readonly string[] = []
  /** Milliseconds from accept until the other end was reached. */
  connectMs: number | undefined
  /** Counted while it lives. */
  readonly carried: Carried = { sent: 0, received: 0 }
  outcome: TransferOutcome | undefined
  refusal: Refusal | undefined

  #check: Check | undefined
  readonly #tried = new Set<string>()

  constructor(id: number, direction: Direction, source: ConnectionRecord['source'], hooks: RecordHooks) {
    this.id = id
    this.direction = direction
    this.source = source
    this.#hooks = hooks
  }

  /** Milliseconds since it was accepted, whatever the wall clock was set to meanwhile. */
  get ageMs(): number {
    return performance.now() - this.#started
  }

  /** Aborts, with a RefusedError, when the connection must end. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /**
   * Puts the connection under a check that is made now and again on every change of the view. Being registered
   * already, it cannot slip between its first check and a change. Answers why it is refused, if so.
   */
  guard(check: Check): Refusal | undefined {
    const refusal = check()
    if (refusal) this.refusal = refusal
    else this.#check = check
    return refusal
  }

  /** Makes the check again, and cuts the connection when it fails. */
  recheck(): void {
    const refusal = this.#check?.()
    if (refusal) this.cut(refusal)
  }

  /** Takes what dry-run policies make of it, and tells those that say so for the first time. */
  tryOut(reasons: readonly DenialReason[]): void {
    this.wouldDeny = reasons.map(describeDenial)
    for (const policy of reasons.map(policyBehind)) {
      if (this.#tried.has(policy)) continue
      this.#tried.add(policy)
      this.#hooks.wouldDeny(this, policy)
    }
  }

  cut(refusal: Refusal): void {
    if (this.#abort.signal.aborted) return
    this.refusal ??= refusal
    this.#abort.abort(new RefusedError(refusal))
  }

  /** Its other end is reached; bytes flow from here on. */
  connected(): void {
    this.connectMs = Math.round(this.ageMs * 1_000) / 1_000
    this.#hooks.connected(this)
  }

  [Symbol.dispose](): void {
    this.#hooks.disposed(this)
  }
}

/** The policy that a denial counts for; where none of several allows, the first of them. */
function policyBehind(reason: DenialReason): string {
  switch (reason.kind) {
    case 'deny_matched':
      return reason.by.policy
    case 'no_allow_matched':
      return reason.policies[0]!
    case 'policy_missing':
      return reason.policy
  }
}
