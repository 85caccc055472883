import type { ServiceAccountMatch, StringMatch } from './authorization.ts'
import { peerAuthenticationOf } from './strict.ts'

/** What an operator calls the policy behind a resource: `AuthorizationPolicy shop/backend`. */
export function formatPolicy(key: string): string {
  const peerAuthentication = peerAuthenticationOf(key)
  return peerAuthentication === undefined
    ? `AuthorizationPolicy ${key}`
    : `PeerAuthentication ${peerAuthentication}`
}

/** A pattern as its author wrote it: `abc`, `abc*`, `*abc` or `*`. */
export function formatStringMatch(pattern: StringMatch): string {
  switch (pattern.kind) {
    case 'exact':
      return pattern.value
    case 'prefix':
      return `${pattern.value}*`
    case 'suffix':
      return `*${pattern.value}`
    case 'presence':
      return '*'
  }
}

export function formatServiceAccount({ namespace, serviceAccount }: ServiceAccountMatch): string {
  return `${namespace}/${serviceAccount}`
}
