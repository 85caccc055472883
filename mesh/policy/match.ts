import { cidrContains } from '../address.ts'
import { principalOf, type SpiffeId } from '../spiffe-id.ts'
import type { Match, Rule, ServiceAccountMatch, StringMatch } from './authorization.ts'
import type { ConnectionFacts } from './decision.ts'

/** Nothing demanded is nothing failed: a rule without clauses, or a clause without matches, holds for everybody. */
export function ruleMatches(rule: Rule, facts: ConnectionFacts): boolean {
  return rule.clauses.every(
    ({ matches }) => matches.length === 0 || matches.some((match) => matchHolds(match, facts)),
  )
}

/** Whether every field of a match that says something holds; false when none says anything. */
export function matchHolds(match: Match, facts: ConnectionFacts): boolean {
  return !isEmptyMatch(match) && destinationHolds(match, facts) && sourceHolds(match, facts)
}

/** A match that says nothing matches nothing: a resource that lost its fields must not admit everybody. */
export function isEmptyMatch(match: Match): boolean {
  return (
    match.principals.length === 0 &&
    match.notPrincipals.length === 0 &&
    match.namespaces.length === 0 &&
    match.notNamespaces.length === 0 &&
    match.serviceAccounts.length === 0 &&
    match.notServiceAccounts.length === 0 &&
    match.sourceIps.length === 0 &&
    match.notSourceIps.length === 0 &&
    match.destinationIps.length === 0 &&
    match.notDestinationIps.length === 0 &&
    match.destinationPorts.length === 0 &&
    match.notDestinationPorts.length === 0
  )
}

function destinationHolds(match: Match, { destination }: ConnectionFacts): boolean {
  return (
    fieldHolds(match.destinationPorts, match.notDestinationPorts, (port) => port === destination.port) &&
    fieldHolds(match.destinationIps, match.notDestinationIps, (range) => cidrContains(range, destination.ip))
  )
}

function sourceHolds(match: Match, { peer, sourceIp }: ConnectionFacts): boolean {
  return (
    fieldHolds(match.principals, match.notPrincipals, (pattern) => isPrincipal(pattern, peer)) &&
    fieldHolds(match.namespaces, match.notNamespaces, (pattern) => isNamespace(pattern, peer)) &&
    fieldHolds(match.serviceAccounts, match.notServiceAccounts, (account) => isAccount(account, peer)) &&
    fieldHolds(match.sourceIps, match.notSourceIps, (range) => cidrContains(range, sourceIp))
  )
}

/** An empty list says nothing; otherwise one of `values` must match, and none of `notValues`. */
function fieldHolds<Value>(
  values: readonly Value[],
  notValues: readonly Value[],
  matches: (value: Value) => boolean,
): boolean {
  return (values.length === 0 || values.some(matches)) && !notValues.some(matches)
}

// A peer without identity matches no identity value at all, so that every positive field is false for it.

function isPrincipal(pattern: StringMatch, peer: SpiffeId | undefined): boolean {
  return peer !== undefined && textMatches(pattern, principalOf(peer))
}

function isNamespace(pattern: StringMatch, peer: SpiffeId | undefined): boolean {
  return peer !== undefined && textMatches(pattern, peer.namespace)
}

function isAccount(account: ServiceAccountMatch, peer: SpiffeId | undefined): boolean {
  return (
    peer !== undefined &&
    peer.namespace === account.namespace &&
    peer.serviceAccount === account.serviceAccount
  )
}

/** Literal comparison only: a value with regular expression characters means those characters. */
function textMatches(pattern: StringMatch, text: string): boolean {
  switch (pattern.kind) {
    case 'exact':
      return text === pattern.value
    case 'prefix':
      return text.startsWith(pattern.value)
    case 'suffix':
      return text.endsWith(pattern.value)
    case 'presence':
      return text !== ''
  }
}
