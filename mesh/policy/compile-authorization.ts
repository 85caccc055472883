import { type Authorization, type Clause, emptyMatch, type Match } from './authorization.ts'
import type { AuthorizationPolicy, Operation, PolicyRuleDocument, Source } from './documents.ts'

/** Compiles one AuthorizationPolicy. Rules keep their order and number, so that a decision can name them. */
export function compileAuthorization(document: AuthorizationPolicy, rootNamespace: string): Authorization {
  const action = document.action === 'Allow' ? 'allow' : 'deny'
  return {
    key: `${document.namespace}/${document.name}`,
    name: document.name,
    namespace: document.namespace,
    scope: scopeOf(document, rootNamespace),
    action,
    rules: document.rules.map((rule) => ({ clauses: clauses(rule, action) })),
    dryRun: document.dryRun,
  }
}

function scopeOf(document: AuthorizationPolicy, rootNamespace: string): Authorization['scope'] {
  if (document.selector !== undefined) return 'workload'
  return document.namespace === rootNamespace ? 'global' : 'namespace'
}

/** A part that says nothing becomes no clause, not an empty match: the one demands nothing, the other matches nothing. */
function clauses({ from, to }: PolicyRuleDocument, action: Authorization['action']): Clause[] {
  const sources = from.map((source) =>
    action === 'allow' ? identified(sourceMatch(source)) : sourceMatch(source),
  )
  const operations = to.map(operationMatch)
  return [sources, operations].filter((matches) => matches.length > 0).map((matches) => ({ matches }))
}

/**
 * An ALLOW that only excludes identities must not admit a peer that has none, so it demands one. A DENY keeps the
 * plain meaning: whoever is not among the excepted is denied, without an identity too.
 */
function identified(match: Match): Match {
  const excludes =
    match.notPrincipals.length + match.notNamespaces.length + match.notServiceAccounts.length > 0
  const demands = match.principals.length + match.namespaces.length + match.serviceAccounts.length > 0
  return excludes && !demands ? { ...match, principals: [{ kind: 'presence' }] } : match
}

function sourceMatch({ ipBlocks, notIpBlocks, ...identity }: Source): Match {
  return { ...emptyMatch, ...identity, sourceIps: ipBlocks, notSourceIps: notIpBlocks }
}

function operationMatch({ ports, notPorts }: Operation): Match {
  return { ...emptyMatch, destinationPorts: ports, notDestinationPorts: notPorts }
}
