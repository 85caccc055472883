import * as v from 'valibot'
import { type IpAddress, parseIp } from '#mesh/address.ts'
import type { Labels } from '#mesh/policy/documents.ts'
import { selector } from '#mesh/policy/schema/selector.ts'
import { refuse, text } from '#mesh/policy/schema/value.ts'
import { isMapping, kindOf, quote } from '#mesh/policy/schema/written.ts'
import { isDnsLabel, isDnsSubdomain } from '#mesh/spiffe-id.ts'

/** The name of a pod, a service account or a node. */
export const subdomain = text((written) =>
  isDnsSubdomain(written)
    ? written
    : refuse(`${quote(written)} is no name; write lower-case letters, digits, - and . (at most 253)`),
)

/** The name of a service, a port or a zone. */
export const label = text((written) =>
  isDnsLabel(written)
    ? written
    : refuse(`${quote(written)} is no name; write lower-case letters, digits and - (at most 63)`),
)

export const address = text((written) => {
  return (
    parseIp(written) ??
    refuse(`${quote(written)} is no address; write IPv4 or IPv6, e.g. 10.77.0.11, without a port or a length`)
  )
})

export const addresses = listOf<IpAddress>(address, 'addresses such as [10.77.0.11]')

/** Labels, of which there may be none. */
export const labels = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset, addIssue, NEVER }): Labels => {
    if (isMapping(dataset.value) && Object.keys(dataset.value).length === 0) return {}
    const result = v.safeParse(selector, dataset.value)
    if (result.success) return result.output
    for (const { message, path } of result.issues) addIssue(path ? { message, path } : { message })
    return NEVER
  }),
)

/** A list that may be empty; `what` completes the sentence "must be a list of ...". */
export function listOf<Value>(item: v.GenericSchema<unknown, Value>, what: string) {
  return v.array(item, ({ input }) => `must be a list of ${what}; it is ${kindOf(input)}`)
}

/** A mapping from names to values of one kind; `example` is shown where it is none. */
export function byName<Value>(schema: v.GenericSchema<unknown, Value>, example: string) {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): ReadonlyMap<string, Value> => {
      const input = dataset.value
      if (!isMapping(input)) {
        addIssue({ message: `must be a mapping such as ${example}; it is ${kindOf(input)}` })
        return NEVER
      }
      const values = new Map<string, Value>()
      for (const [key, value] of Object.entries(input)) {
        const path: [v.ObjectPathItem] = [{ type: 'object', origin: 'value', input, key, value }]
        if (!isDnsLabel(key)) addIssue({ message: `is no name; write for example ${example}`, path })
        const result = v.safeParse(schema, value)
        if (result.success) values.set(key, result.output)
        else for (const { message } of result.issues) addIssue({ message, path })
      }
      return values
    }),
  )
}
