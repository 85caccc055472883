import { formatCidr } from '#mesh/address.ts'
import type { Exclusions } from '#mesh/exclusions.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'

export type Family = 'ipv4' | 'ipv6'

export const chains = { inbound: 'WEFT_INBOUND', outbound: 'WEFT_OUTPUT' } as const

/**
 * The nat rules of one address family as `iptables-restore --noflush` reads them, in one transaction. `present` is what
 * `iptables-save -t nat` says now: our jumps found there are replaced, so that applying twice leaves one set.
 */
export function redirectionRules(family: Family, exclusions: Exclusions, present = ''): string {
  return transaction([
    // Naming a chain makes it, or empties it when it is there.
    `:${chains.inbound} - [0:0]`,
    `:${chains.outbound} - [0:0]`,
    ...withoutJumps(present),
    ...inbound(exclusions),
    ...outbound(family, exclusions),
    // First in their chains, so that no rule that somebody else left there decides before ours.
    `-I PREROUTING 1 -p tcp -j ${chains.inbound}`,
    `-I OUTPUT 1 -p tcp -j ${chains.outbound}`,
  ])
}

/** The transaction that removes every rule of ours that `present` holds; undefined when it holds none. */
export function removalRules(present: string): string | undefined {
  const ours = Object.values(chains).filter((chain) => present.includes(`\n:${chain} `))
  if (ours.length === 0) return undefined
  return transaction([
    ...withoutJumps(present),
    ...ours.map((chain) => `-F ${chain}`),
    ...ours.map((chain) => `-X ${chain}`),
  ])
}

function inbound({ inboundPorts }: Exclusions): string[] {
  const append = `-A ${chains.inbound}`
  return [
    '# An address that is not this pod’s is somebody using the pod as a relay.',
    `${append} -m addrtype ! --dst-type LOCAL -j RETURN`,
    '# The tunnel, metrics and readiness listeners take their connections themselves.',
    ...portRules([ports.hbone, ports.metrics, ports.readiness], (match) => `${append} ${match} -j RETURN`),
    ...portRules(inboundPorts, (match) => `${append} ${match} -j RETURN`),
    `${append} -p tcp -j REDIRECT --to-ports ${ports.inbound}`,
  ]
}

function outbound(family: Family, { outboundPorts, outboundRanges }: Exclusions): string[] {
  const append = `-A ${chains.outbound}`
  const ranges = outboundRanges.filter(({ bytes }) => (bytes.length === 4) === (family === 'ipv4'))
  return [
    '# The capture canary: the sidecar dials it itself, so it comes ahead of the owner match. On loopback only, or a',
    '# connection to it at the pod’s own address, which the sidecar would dial, would come back to the sidecar for ever.',
    `${append} -p tcp -d ${loopback[family]} --dport ${ports.canary} -j REDIRECT --to-ports ${ports.outbound}`,
    '# The sidecar’s own traffic.',
    `${append} -m owner --uid-owner ${sidecarUid} -j RETURN`,
    '# Within the pod, its own addresses included.',
    `${append} -o lo -j RETURN`,
    '# Cloud metadata and the local link.',
    ...neverCaptured[family].map((range) => `${append} -d ${range} -j RETURN`),
    ...portRules(outboundPorts, (match) => `${append} ${match} -j RETURN`),
    ...ranges.map((range) => `${append} -d ${formatCidr(range)} -j RETURN`),
    `${append} -p tcp -j REDIRECT --to-ports ${ports.outbound}`,
  ]
}

const loopback: Readonly<Record<Family, string>> = { ipv4: '127.0.0.1/32', ipv6: '::1/128' }

const neverCaptured: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['169.254.0.0/16'],
  ipv6: ['fe80::/10', 'fd00:ec2::254/128'],
}

/** The most ports that one `multiport` match takes. */
const portsPerRule = 15

function portRules(all: readonly number[], rule: (match: string) => string): string[] {
  const unique = [...new Set(all)].sort((a, b) => a - b)
  const rules: string[] = []
  for (let start = 0; start < unique.length; start += portsPerRule) {
    const some = unique.slice(start, start + portsPerRule).join(',')
    rules.push(rule(`-p tcp -m multiport --dports ${some}`))
  }
  return rules
}

/** `-D` for each jump to our chains that `iptables-save` printed as `-A`, however often it is there. */
function withoutJumps(present: string): string[] {
  const jumps = present.matchAll(/^-A ((?:PREROUTING|OUTPUT) .*-j WEFT_(?:INBOUND|OUTPUT))$/gm)
  return Array.from(jumps, (jump) => `-D ${jump[1]}`)
}

function transaction(lines: readonly string[]): string {
  return ['*nat', ...lines, 'COMMIT', ''].join('\n')
}
