import type { Field } from './hpack/static-table.ts'

/** A request as its HEADERS say it. */
export interface RequestHead {
  readonly method: string
  /** Empty where the request is not a CONNECT and has none. */
  readonly authority: string
}

/** The head of a request; undefined when it is malformed (RFC 9113, 8.3 and 8.5). */
export function parseRequest(fields: readonly Field[]): RequestHead | undefined {
  const pseudo = pseudoFields(fields)
  const method = pseudo?.get(':method')
  if (!pseudo || !method) return undefined
  pseudo.delete(':method')
  const authority = pseudo.get(':authority')
  pseudo.delete(':authority')
  if (method === 'CONNECT') return authority && pseudo.size === 0 ? { method, authority } : undefined
  const complete = pseudo.delete(':scheme') && pseudo.delete(':path') && pseudo.size === 0
  return complete ? { method, authority: authority ?? '' } : undefined
}

/** The status of a response, 100 to 999; undefined when it is malformed. */
export function parseStatus(fields: readonly Field[]): number | undefined {
  const pseudo = pseudoFields(fields)
  const status = pseudo?.get(':status')
  return status !== undefined && pseudo?.size === 1 && /^[1-9]\d\d$/.test(status) ? Number(status) : undefined
}

const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
const validValue = /^(?:[^\0\r\n\t ](?:[^\0\r\n]*[^\0\r\n\t ])?)?$/
/** Fields that speak of an HTTP/1 connection and make any message malformed. */
const connectionFields = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** Each pseudo field; undefined when any field is malformed, out of order or there twice. */
function pseudoFields(fields: readonly Field[]): Map<string, string> | undefined {
  const pseudo = new Map<string, string>()
  let regular = false
  for (const { name, value } of fields) {
    if (!validValue.test(value)) return undefined
    if (name.startsWith(':')) {
      if (regular || pseudo.has(name)) return undefined
      pseudo.set(name, value)
      continue
    }
    regular = true
    if (!validName.test(name) || connectionFields.has(name)) return undefined
    if (name === 'te' && value !== 'trailers') return undefined
  }
  return pseudo
}
