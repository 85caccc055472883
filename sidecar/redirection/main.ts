import { networkInterfaces } from 'node:os'
import { parseCidr } from '#mesh/address.ts'
import { type Exclusions, exclusionVariables, parseExcludedPort } from '#mesh/exclusions.ts'
import { Environment, EnvironmentError } from '#runtime/env.ts'
import { applyRedirection, removeRedirection } from './apply.ts'
import { RedirectionError } from './backend.ts'
import { type Family, redirectionRules } from './rules.ts'

const help = `Usage: weft redirect [--print | --cleanup]

Redirects this network namespace's TCP connections to the sidecar, with iptables. It runs once in each pod, as
root with NET_ADMIN and NET_RAW, before anything else starts there. Running it again changes nothing.

  --print     write the rules that would be applied to standard output, and change nothing
  --cleanup   remove the rules
  --help      this text

Environment:
  WEFT_EXCLUDE_INBOUND_PORTS    ports that go straight to the application, e.g. 9100,9200
  WEFT_EXCLUDE_OUTBOUND_PORTS   ports of others that are dialled without the sidecar, e.g. 25,587
  WEFT_EXCLUDE_OUTBOUND_CIDRS   addresses of others that are dialled without the sidecar, e.g. 192.0.2.0/24

Examples:
  WEFT_EXCLUDE_OUTBOUND_PORTS=3306 weft redirect --print
  ip netns exec my-pod weft redirect
`

/** Runs the command and answers its exit status: 0, 1 when the kernel or the machine refused, 2 for bad usage. */
export async function run(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const [command, ...rest] = argv
  if (rest.length > 0 || !['--help', '-h', '--print', '--cleanup', undefined].includes(command)) {
    process.stderr.write(`unknown arguments: ${argv.join(' ')}\n\n${help}`)
    return 2
  }
  try {
    if (command === '--help' || command === '-h') process.stdout.write(help)
    else if (command === '--cleanup') cleanup()
    else if (command === '--print') print(readExclusions(env))
    else apply(readExclusions(env))
    return 0
  } catch (error) {
    if (!(error instanceof RedirectionError || error instanceof EnvironmentError)) throw error
    process.stderr.write(`${error.message}\n`)
    return error instanceof EnvironmentError ? 2 : 1
  }
}

function apply(exclusions: Exclusions): void {
  const families: Family[] = hasIpv6() ? ['ipv4', 'ipv6'] : ['ipv4']
  const { backend, passedOver } = applyRedirection(families, exclusions)
  log('redirection holds', { backend, families, ...(passedOver.length > 0 && { passedOver }) })
}

function print(exclusions: Exclusions): void {
  process.stdout.write(`# iptables-restore --noflush\n${redirectionRules('ipv4', exclusions)}`)
  process.stdout.write('\n# ip6tables-restore --noflush, where the pod has an IPv6 address\n')
  process.stdout.write(redirectionRules('ipv6', exclusions))
}

function cleanup(): void {
  const removed = removeRedirection()
  log(removed > 0 ? 'redirection removed' : 'there was no redirection to remove', { ruleSets: removed })
}

function readExclusions(variables: NodeJS.ProcessEnv): Exclusions {
  const env = new Environment(variables)
  const port = 'ports from 1 to 65535 other than 15001, 15006 and 15099, which redirection itself needs'
  const exclusions: Exclusions = {
    inboundPorts: env.list(exclusionVariables.inboundPorts, parseExcludedPort, port, { default: [] }),
    outboundPorts: env.list(exclusionVariables.outboundPorts, parseExcludedPort, port, { default: [] }),
    outboundRanges: env.list(
      exclusionVariables.outboundRanges,
      parseCidr,
      'ranges such as 192.0.2.0/24 or fd12::/48, without host bits',
      { default: [] },
    ),
  }
  env.done()
  return exclusions
}

/** A link-local address counts: the neighbours reach the application by it as well. */
function hasIpv6(): boolean {
  const addresses = Object.values(networkInterfaces()).flat()
  return addresses.some((address) => address?.family === 'IPv6' && !address.internal)
}

// A line of its own: the log of the long-lived processes would double this one's start.
function log(message: string, fields: Record<string, unknown>): void {
  const line = { level: 'info', time: new Date().toISOString(), component: 'redirection', ...fields, message }
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

if (import.meta.main) process.exitCode = await run(process.argv.slice(2), process.env)
