import type { Cidr } from './address.ts'
import { ports } from './ports.ts'

/** What a pod has redirection leave alone, beyond what it must never touch. */
export interface Exclusions {
  /** Ports of this pod whose connections go straight to the application. */
  readonly inboundPorts: readonly number[]
  /** Ports of others that this pod's applications reach without the sidecar. */
  readonly outboundPorts: readonly number[]
  /** Addresses of others, of either family, that this pod's applications reach without the sidecar. */
  readonly outboundRanges: readonly Cidr[]
}

/** The variables by which redirection is told of them: comma-separated lists. */
export const exclusionVariables = {
  inboundPorts: 'WEFT_EXCLUDE_INBOUND_PORTS',
  outboundPorts: 'WEFT_EXCLUDE_OUTBOUND_PORTS',
  outboundRanges: 'WEFT_EXCLUDE_OUTBOUND_CIDRS',
} as const

/** Redirection itself needs these. */
const needed: readonly number[] = [ports.outbound, ports.inbound, ports.canary]

/** A port from 1 to 65535 that can be excluded; undefined for any other text. */
export function parseExcludedPort(text: string): number | undefined {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 0
  return port >= 1 && port <= 65_535 && !needed.includes(port) ? port : undefined
}
