import { formatSocketAddress, parseIp } from '#mesh/address.ts'
import { quote } from '#mesh/policy/schema/written.ts'
import type { Problem } from './explain.ts'

/** Parts `name:port`; the name is any text. */
export function splitPort(asked: string): { readonly name: string; readonly port: number } | Problem {
  const colon = asked.lastIndexOf(':')
  const name = asked.slice(0, Math.max(colon, 0))
  const written = asked.slice(colon + 1)
  const port = /^\d{1,5}$/.test(written) ? Number(written) : 0
  if (parseIp(asked) !== undefined || parseIp(unbracketed(asked)) !== undefined || colon < 0) {
    const example = withPort(asked, name, port)
    return { problem: `${quote(asked)} has no port: write for example ${example}` }
  }
  if (port < 1 || port > 65_535) {
    return { problem: `${quote(asked)} ends in no port: write a number from 1 to 65535 after the last colon` }
  }
  if (name === '') return { problem: `${quote(asked)} has no name: write for example backend:${port}` }
  return { name, port }
}

/** An address without brackets whose last group was probably meant as the port, or anything else with one added. */
function withPort(asked: string, name: string, port: number): string {
  const meant = parseIp(name)
  if (meant !== undefined && port > 0) return formatSocketAddress({ ip: meant, port })
  const ip = parseIp(unbracketed(asked))
  if (ip !== undefined) return formatSocketAddress({ ip, port: 80 })
  return /^[\w./-]{1,80}$/.test(asked) ? `${asked}:80` : 'backend:80'
}

/** The text between brackets, or the text itself. */
export function unbracketed(text: string): string {
  return text.replace(/^\[(.*)\]$/, '$1')
}
