import * as v from 'valibot'
import type { PolicyDocument } from './documents.ts'
import { authorizationPolicy } from './schema/authorization-policy.ts'
import { nearestName } from './schema/nearest-name.ts'
import { peerAuthentication } from './schema/peer-authentication.ts'
import { isMapping, kindOf } from './schema/written.ts'

export type ParsedPolicy =
  | { readonly policy: PolicyDocument }
  | { readonly problems: readonly PolicyProblem[] }

export interface PolicyProblem {
  /** Where it is in the document: keys, and list positions from 0. */
  readonly path: readonly (string | number)[]
  /** What is wrong there, and what to write instead. */
  readonly message: string
}

const kinds = ['PeerAuthentication', 'AuthorizationPolicy'] as const

/** Reads a policy from a parsed YAML or JSON document; never throws, and reports every problem at once. */
export function parsePolicy(document: unknown): ParsedPolicy {
  if (!isMapping(document)) {
    return problem([], `must be a mapping with kind, name and namespace; it is ${kindOf(document)}`)
  }
  const kind = Object.hasOwn(document, 'kind') ? document['kind'] : undefined
  switch (kind) {
    case 'PeerAuthentication':
      return parsed(v.safeParse(peerAuthentication, document))
    case 'AuthorizationPolicy':
      return parsed(v.safeParse(authorizationPolicy, document))
    default:
      return problem(['kind'], unknownKind(kind))
  }
}

function parsed(result: v.SafeParseResult<v.GenericSchema<unknown, PolicyDocument>>): ParsedPolicy {
  if (result.success) return { policy: result.output }
  return {
    problems: result.issues.map(({ path = [], message }) => ({
      path: path.map(({ key }) => (typeof key === 'number' ? key : String(key))),
      message,
    })),
  }
}

function unknownKind(kind: unknown): string {
  const nearest = typeof kind === 'string' ? nearestName(kind, kinds) : undefined
  const meant = nearest === undefined ? '' : `; did you mean ${nearest}?`
  return `must be ${kinds.join(' or ')}; it is ${kindOf(kind)}${meant}`
}

function problem(path: PolicyProblem['path'], message: string): ParsedPolicy {
  return { problems: [{ path, message }] }
}
