import * as v from 'valibot'
import { formatCidr, networkOf, parseCidr } from '../../address.ts'
import { refuse, text, value } from './value.ts'
import { isMapping, kindOf, quote } from './written.ts'

/** An address range, or a single address. */
export const ipBlock = text((written) => {
  const range = parseCidr(written)
  if (range !== undefined) return range
  const network = networkOf(written)
  if (network === undefined) {
    return refuse(
      `${quote(written)} is no address range; write e.g. 10.0.0.0/8, 2001:db8::/32, or one address`,
    )
  }
  return refuse(
    `${quote(written)} has bits set after its prefix; write ${formatCidr(network)}, or the address alone`,
  )
})

/** A port that an application can listen on. */
export const port = value((written) => {
  if (typeof written === 'number' && isPort(written)) return written
  if (typeof written === 'string' && isPortText(written))
    return refuse(`is a number: write ${written} without quotes`)
  return refuse(`must be a port, 1 to 65535, e.g. 8080; it is ${kindOf(written)}`)
})

/** A mapping from ports to values of one kind. */
export function byPort<Value>(schema: v.GenericSchema<unknown, Value>) {
  return v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): ReadonlyMap<number, Value> => {
      const input = dataset.value
      if (!isMapping(input)) {
        addIssue({ message: `must be a mapping such as { 8080: Permissive }; it is ${kindOf(input)}` })
        return NEVER
      }
      const ports = new Map<number, Value>()
      for (const [key, value] of Object.entries(input)) {
        const path: [v.ObjectPathItem] = [{ type: 'object', origin: 'value', input, key, value }]
        if (!isPortText(key)) addIssue({ message: 'is no port; write 1 to 65535, e.g. 8080', path })
        const result = v.safeParse(schema, value)
        if (result.success) ports.set(Number(key), result.output)
        else for (const { message } of result.issues) addIssue({ message, path })
      }
      return ports
    }),
  )
}

function isPort(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= 65535
}

function isPortText(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && isPort(Number(text))
}
