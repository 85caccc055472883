import { type Command, installLineFor, missingCommands } from '../../scripts/prerequisites.ts'

const namespaceCommands = ['ip', 'iptables', 'ip6tables', 'mount', 'nsenter', 'setpriv', 'unshare'] as const

/**
 * Whether tests must be left out because this machine lacks root or a command, for `describe.skipIf`; it says so by the
 * tests' name. With `CI=true` it throws instead, since a test that did not run proves nothing.
 */
export function lacks(tests: string, ...commands: readonly Command[]): boolean {
  const missing = missingCommands([...namespaceCommands, ...commands])
  const needs: string[] = []
  if (process.getuid?.() !== 0) needs.push('root, for network namespaces: run them with sudo')
  if (missing.length > 0) needs.push(`${missing.join(', ')}: ${installLineFor(missing)}`)
  if (needs.length === 0) return false
  const message = `${tests}: not run, this machine lacks ${needs.join('; and ')}`
  if (process.env['CI'] === 'true') throw new Error(message)
  console.warn(message)
  return true
}
