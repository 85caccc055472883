import { isDnsLabel, isDnsSubdomain, parseSpiffeId } from '../../spiffe-id.ts'
import type { StringMatch } from '../authorization.ts'
import { type Refused, refuse, text } from './value.ts'
import { quote } from './written.ts'

const scheme = 'spiffe://'

/** A policy's own name. */
export const resourceName = text((written) => {
  if (isDnsSubdomain(written)) return written
  return refuse(
    `${quote(written)} is no name; write lower-case letters, digits, - and . (at most 253), e.g. backend`,
  )
})

export const namespaceName = text((written) => {
  if (isDnsLabel(written)) return written
  return refuse(
    `${quote(written)} is no namespace; write lower-case letters, digits and - (at most 63), e.g. shop`,
  )
})

/** An identity or a pattern of them; a `spiffe://` in front is taken off, since a certificate's principal has none. */
export const principalPattern = text((written): StringMatch | Refused => {
  const bare = written.startsWith(scheme) ? written.slice(scheme.length) : written
  const pattern = stringMatch(bare)
  if ('refused' in pattern || pattern.kind === 'presence') return pattern
  if (pattern.kind === 'exact' && parseSpiffeId(`${scheme}${bare}`) !== undefined) return pattern
  if (pattern.kind !== 'exact' && /^[a-z0-9._/-]+$/.test(pattern.value)) return pattern
  return refuse(
    `${quote(written)} matches no identity; write <trust domain>/ns/<namespace>/sa/<service account>, ` +
      'e.g. cluster.local/ns/shop/sa/frontend or cluster.local/ns/shop/*',
  )
})

export const namespacePattern = text((written): StringMatch | Refused => {
  const pattern = stringMatch(written)
  if ('refused' in pattern || pattern.kind === 'presence') return pattern
  if (pattern.kind === 'exact' && isDnsLabel(pattern.value)) return pattern
  if (pattern.kind !== 'exact' && /^[a-z0-9-]{1,63}$/.test(pattern.value)) return pattern
  return refuse(
    `${quote(written)} matches no namespace; write its name, e.g. shop, or a pattern such as shop-*`,
  )
})

/** `namespace/name`; a bare name means the policy's own namespace, and is left without one here. */
export const serviceAccount = text((written) => {
  const [account = '', namespace, ...more] = written.split('/').toReversed()
  const named = isDnsSubdomain(account) && (namespace === undefined || isDnsLabel(namespace))
  if (named && more.length === 0) return { namespace, serviceAccount: account }
  return refuse(
    `${quote(written)} is no service account; write shop/frontend, or frontend for the policy's own namespace; ` +
      'whole identities and patterns with * go under principals',
  )
})

/** `abc*`, `*abc`, `*`, or the whole value. */
function stringMatch(written: string): StringMatch | Refused {
  if (written === '') return refuse('is empty; write a value, or * for any')
  if (written === '*') return { kind: 'presence' }
  const stars = written.split('*').length - 1
  if (stars === 0) return { kind: 'exact', value: written }
  if (stars === 1 && written.endsWith('*')) return { kind: 'prefix', value: written.slice(0, -1) }
  if (stars === 1 && written.startsWith('*')) return { kind: 'suffix', value: written.slice(1) }
  return refuse(
    `${quote(written)} is no pattern; write abc* (begins), *abc (ends), * (any) or the whole value`,
  )
}
