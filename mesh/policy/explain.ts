import { formatSocketAddress } from '../address.ts'
import { principalOf } from '../spiffe-id.ts'
import { suggestChanges } from './changes.ts'
import type { ConnectionFacts, Decision, DenialReason, PolicyRule } from './decision.ts'
import { evaluate, type WorkloadPolicies } from './evaluate.ts'
import { formatPolicy } from './format.ts'
import { peerAuthenticationOf } from './strict.ts'

export interface Explanation {
  readonly allowed: boolean
  readonly decision: Decision
  /** The policy and rule that decided, where one did. */
  readonly by: PolicyRule | undefined
  /** Who may or may not connect where, and why. */
  readonly sentence: string
  /** Alternatives, each of which turns the answer round, or says what still stands in the way. */
  readonly suggestions: readonly string[]
  /** What would deny the connection if the dry-run policies were enforced as well. */
  readonly wouldDeny: readonly string[]
}

/** Decides with the very function that the sidecar enforces with, and says why and what to change. */
export function explainDecision(facts: ConnectionFacts, policies: WorkloadPolicies): Explanation {
  const decision = evaluate(facts, policies)
  return {
    allowed: decision.kind === 'permit',
    decision,
    by: decidedBy(decision),
    sentence: `${describePeer(facts)} ${verdict(decision, formatSocketAddress(facts.destination))}`,
    suggestions: suggestions(decision, facts, policies),
    wouldDeny: decision.kind === 'permit' ? decision.wouldDeny.map(describeDenial) : [],
  }
}

/** The reason of a denial as a clause for a log line or a sentence. */
export function describeDenial(reason: DenialReason): string {
  switch (reason.kind) {
    case 'deny_matched':
      return peerAuthenticationOf(reason.by.policy) === undefined
        ? `${formatRule(reason.by)} denies it`
        : `${formatPolicy(reason.by.policy)} is strict there and the peer proved no identity`
    case 'no_allow_matched':
      return `no rule of ${some(reason.policies)} allows it`
    case 'policy_missing':
      return `${formatPolicy(reason.policy)} holds on the workload and has not arrived there`
  }
}

function suggestions(decision: Decision, facts: ConnectionFacts, policies: WorkloadPolicies): string[] {
  const verified = suggestChanges(decision, facts, policies).flatMap(({ text, policies: changed }) => {
    const then = evaluate(facts, changed)
    if (then.kind !== decision.kind) return [text]
    // Past one Deny there may be another, or no Allow: still a step on the way. Anything else was in vain.
    const step = decision.kind === 'denial' && decision.reason.kind === 'deny_matched'
    return step && then.kind === 'denial' ? [`${text}; after that, ${describeDenial(then.reason)}`] : []
  })
  return [...advice(decision, facts), ...verified]
}

/** What no change of a policy can do. */
function advice(decision: Decision, { peer }: ConnectionFacts): string[] {
  if (decision.kind === 'permit') return []
  if (decision.reason.kind === 'policy_missing') {
    return [
      'look whether the control plane is up and has sent the policy: weft proxy config shows what arrived',
    ]
  }
  return peer === undefined ? [joinTheMesh] : []
}

/** What whoever proves no identity can do about it. */
export const joinTheMesh = 'bring the source into the mesh, so that it connects with an identity'

function verdict(decision: Decision, destination: string): string {
  if (decision.kind === 'denial') {
    return `may not connect to ${destination}: ${describeDenial(decision.reason)}`
  }
  const why =
    decision.by === undefined
      ? 'no Allow policy holds on the workload'
      : `${formatRule(decision.by)} allows it`
  return `may connect to ${destination}: ${why}`
}

function decidedBy(decision: Decision): PolicyRule | undefined {
  if (decision.kind === 'permit') return decision.by
  return decision.reason.kind === 'deny_matched' ? decision.reason.by : undefined
}

function describePeer({ peer, sourceIp }: ConnectionFacts): string {
  return peer === undefined ? `${sourceIp} without an identity` : principalOf(peer)
}

function formatRule({ policy, rule }: PolicyRule): string {
  return `rule ${rule} of ${formatPolicy(policy)}`
}

/** A log line stays short, however many policies hold. */
function some(policies: readonly string[]): string {
  const shown = policies.slice(0, 3).map(formatPolicy).join(', ')
  return policies.length > 3 ? `${shown} and ${policies.length - 3} more` : shown
}
