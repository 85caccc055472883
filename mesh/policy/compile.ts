import type { Authorization } from './authorization.ts'
import { compileAuthorization } from './compile-authorization.ts'
import type { AuthorizationPolicy, Labels, PeerAuthentication, PolicyDocument } from './documents.ts'
import { compileStrict } from './strict.ts'

export interface CompiledPolicies {
  /** By `namespace/name`. */
  readonly authorizations: ReadonlyMap<string, Authorization>
  /** The keys of every policy that holds on a workload, sorted; all of them are in `authorizations`. */
  readonly policiesFor: (workload: PolicyTarget) => string[]
}

export interface PolicyTarget {
  readonly namespace: string
  readonly labels: Labels
}

/**
 * Compiles policies to what travels to the workloads. A policy of the root namespace may hold in the whole mesh,
 * any other only in its own; a selector narrows both. Of two documents of one kind, namespace and name the first
 * counts: where that can happen, the reader of the documents refuses it.
 */
export function compilePolicies(
  policies: readonly PolicyDocument[],
  rootNamespace = 'weft-system',
): CompiledPolicies {
  const compiled = distinct(policies).map((document) => compile(document, rootNamespace))
  const byNamespace = new Map(
    [...Map.groupBy(compiled, ({ document }) => document.namespace)].map(([namespace, list]) => [
      namespace,
      selection(list),
    ]),
  )
  const authorizations = compiled.flatMap(({ authorization }) => authorization ?? [])

  return {
    authorizations: new Map(authorizations.map((authorization) => [authorization.key, authorization])),
    policiesFor(workload) {
      const namespaces = new Set([workload.namespace, rootNamespace])
      const selected = [...namespaces].flatMap(
        (namespace) => byNamespace.get(namespace)?.(workload.labels) ?? [],
      )
      const holding = [...selected.filter(isAuthorizationPolicy), ...effective(selected, rootNamespace)]
      return holding.flatMap(({ authorization }) => authorization?.key ?? []).sort()
    },
  }
}

interface Compiled<Document extends PolicyDocument = PolicyDocument> {
  readonly document: Document
  /** Undefined for a PeerAuthentication that refuses nobody. */
  readonly authorization: Authorization | undefined
}

function compile(document: PolicyDocument, rootNamespace: string): Compiled {
  switch (document.kind) {
    case 'AuthorizationPolicy':
      return { document, authorization: compileAuthorization(document, rootNamespace) }
    case 'PeerAuthentication':
      return { document, authorization: compileStrict(document) }
  }
}

/** The one PeerAuthentication that counts: the most specific, the first by name among equals. */
function effective(selected: readonly Compiled[], rootNamespace: string): readonly Compiled[] {
  return selected
    .filter(isPeerAuthentication)
    .sort(
      (a, b) =>
        specificity(b.document, rootNamespace) - specificity(a.document, rootNamespace) ||
        (a.document.name < b.document.name ? -1 : 1),
    )
    .slice(0, 1)
}

/** Workload over namespace over mesh; between two selectors, the workload's own namespace over the root's. */
function specificity({ selector, namespace }: PeerAuthentication, rootNamespace: string): number {
  return (selector === undefined ? 0 : 2) + (namespace === rootNamespace ? 0 : 1)
}

/** Finds those that select given labels. A selector is filed under its first label, so that few of thousands are asked. */
function selection(compiled: readonly Compiled[]): (labels: Labels) => Compiled[] {
  const byLabel = Map.groupBy(compiled, ({ document: { selector } }) => {
    const [first] = Object.entries(selector ?? {})
    return first === undefined ? '' : `${first[0]}=${first[1]}`
  })
  return (labels) => {
    const keys = ['', ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)]
    return keys
      .flatMap((key) => byLabel.get(key) ?? [])
      .filter(({ document }) => selects(document.selector, labels))
  }
}

function selects(selector: Labels | undefined, labels: Labels): boolean {
  return selector === undefined || Object.entries(selector).every(([key, value]) => labels[key] === value)
}

function distinct(policies: readonly PolicyDocument[]): PolicyDocument[] {
  const first = new Map<string, PolicyDocument>()
  for (const document of policies) {
    const key = `${document.kind}/${document.namespace}/${document.name}`
    if (!first.has(key)) first.set(key, document)
  }
  return [...first.values()]
}

function isAuthorizationPolicy(compiled: Compiled): compiled is Compiled<AuthorizationPolicy> {
  return compiled.document.kind === 'AuthorizationPolicy'
}

function isPeerAuthentication(compiled: Compiled): compiled is Compiled<PeerAuthentication> {
  return compiled.document.kind === 'PeerAuthentication'
}
