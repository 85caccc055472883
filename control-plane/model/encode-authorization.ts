import type { Cidr } from '#mesh/address.ts'
import type { Authorization, Match, StringMatch } from '#mesh/policy/authorization.ts'
import {
  Action,
  Scope,
  type Address as WireAddress,
  Authorization as WireAuthorization,
  type Match as WireMatch,
  type StringMatch as WireStringMatch,
} from '#proto/istio/security/authorization.ts'

export function encodeAuthorization(authorization: Authorization): Uint8Array {
  return WireAuthorization.encode({
    name: authorization.name,
    namespace: authorization.namespace,
    scope: scopes[authorization.scope],
    action: authorization.action === 'allow' ? Action.ALLOW : Action.DENY,
    rules: authorization.rules.map(({ clauses }) => ({
      clauses: clauses.map(({ matches }) => ({ matches: matches.map(wireMatch) })),
    })),
    dryRun: authorization.dryRun,
  }).finish()
}

const scopes = {
  global: Scope.GLOBAL,
  namespace: Scope.NAMESPACE,
  workload: Scope.WORKLOAD_SELECTOR,
} as const

function wireMatch(match: Match): WireMatch {
  return {
    namespaces: match.namespaces.map(wireStringMatch),
    notNamespaces: match.notNamespaces.map(wireStringMatch),
    principals: match.principals.map(wireStringMatch),
    notPrincipals: match.notPrincipals.map(wireStringMatch),
    sourceIps: match.sourceIps.map(wireAddress),
    notSourceIps: match.notSourceIps.map(wireAddress),
    destinationIps: match.destinationIps.map(wireAddress),
    notDestinationIps: match.notDestinationIps.map(wireAddress),
    destinationPorts: [...match.destinationPorts],
    notDestinationPorts: [...match.notDestinationPorts],
    serviceAccounts: [...match.serviceAccounts],
    notServiceAccounts: [...match.notServiceAccounts],
  }
}

function wireStringMatch(match: StringMatch): WireStringMatch {
  switch (match.kind) {
    case 'presence':
      return { matchType: { $case: 'presence', value: {} } }
    case 'exact':
    case 'prefix':
    case 'suffix':
      return { matchType: { $case: match.kind, value: match.value } }
  }
}

function wireAddress({ bytes, length }: Cidr): WireAddress {
  return { address: bytes, length }
}
