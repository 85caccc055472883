import { type Authorization, emptyMatch, type Match } from './authorization.ts'
import type { PeerAuthentication } from './documents.ts'

// An underscore is in no Kubernetes name, so no AuthorizationPolicy can take this resource's place.
const prefix = 'peer_authentication_'

/**
 * The DENY that a PeerAuthentication amounts to: whoever proves no identity, at the ports that are strict.
 * Undefined when no port is.
 */
export function compileStrict(document: PeerAuthentication): Authorization | undefined {
  const match = strictMatch(document)
  if (match === undefined) return undefined
  const name = `${prefix}${document.name}`
  return {
    key: `${document.namespace}/${name}`,
    name,
    namespace: document.namespace,
    // Never global: a data plane that applies every global policy would hold it against a more specific Permissive.
    scope: 'workload',
    action: 'deny',
    rules: [{ clauses: [{ matches: [match] }] }],
    dryRun: false,
  }
}

/** The `namespace/name` of the PeerAuthentication behind a resource's key; undefined for any other resource. */
export function peerAuthenticationOf(key: string): string | undefined {
  const slash = key.indexOf('/')
  return key.startsWith(prefix, slash + 1)
    ? key.slice(0, slash + 1) + key.slice(slash + 1 + prefix.length)
    : undefined
}

function strictMatch({ mode, ports }: PeerAuthentication): Match | undefined {
  const exceptions = [...ports]
    .filter(([, portMode]) => portMode !== mode)
    .map(([port]) => port)
    .sort((a, b) => a - b)
  const match = { ...emptyMatch, notPrincipals: [{ kind: 'presence' as const }] }
  if (mode === 'Strict') return { ...match, notDestinationPorts: exceptions }
  return exceptions.length === 0 ? undefined : { ...match, destinationPorts: exceptions }
}
