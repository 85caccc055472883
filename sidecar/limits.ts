import type { Environment } from '#runtime/env.ts'

/** What one sidecar lets itself be asked for at most. docs/limits.md tells what a user sees of each. */
export interface Limits {
  /** Memory for what slow readers have not taken, in bytes. */
  readonly bufferBytes: number
  /** Connections of the own applications at once. */
  readonly outboundConnections: number
  /** Connections to the own applications at once, through tunnels and in plaintext together. */
  readonly inboundConnections: number
  /** Tunnels that peers hold open; an eighth of them one peer. */
  readonly inboundTunnels: number
  /** Connections to the tunnel port whose peer has not proved itself; an eighth of them one address. */
  readonly handshakes: number
  /** Streams that one peer may reset in the long run; ten times as many at once. */
  readonly peerResetsPerSecond: number
  /** Streams of one peer that may wait for the application to be dialled. */
  readonly peerPendingDials: number
}

export const defaultLimits: Limits = {
  bufferBytes: 32 * 1024 * 1024,
  outboundConnections: 16_384,
  inboundConnections: 16_384,
  inboundTunnels: 2_048,
  handshakes: 1_024,
  peerResetsPerSecond: 1_000,
  peerPendingDials: 4_096,
}

const kibi = 1024
const smallestBuffers = kibi ** 2
const largestBuffers = 8 * kibi ** 3

/** Reads the limits; those that are not set have their defaults. */
export function readLimits(env: Environment): Limits {
  const count = (name: string, fallback: number): number =>
    env.integer(name, { min: 1, max: 1_000_000, default: fallback })
  return {
    bufferBytes: env.parsed('WEFT_BUFFER_BUDGET', parseBytes, 'a size from 1Mi to 8Gi, such as 32Mi', {
      default: defaultLimits.bufferBytes,
      empty: 0,
    }),
    outboundConnections: count('WEFT_MAX_OUTBOUND_CONNECTIONS', defaultLimits.outboundConnections),
    inboundConnections: count('WEFT_MAX_INBOUND_CONNECTIONS', defaultLimits.inboundConnections),
    inboundTunnels: count('WEFT_MAX_INBOUND_TUNNELS', defaultLimits.inboundTunnels),
    handshakes: count('WEFT_MAX_HANDSHAKES', defaultLimits.handshakes),
    peerResetsPerSecond: count('WEFT_PEER_RESETS_PER_SECOND', defaultLimits.peerResetsPerSecond),
    peerPendingDials: count('WEFT_PEER_PENDING_DIALS', defaultLimits.peerPendingDials),
  }
}

function parseBytes(text: string): number | undefined {
  const match = /^(\d{1,8})(Ki|Mi|Gi)$/.exec(text)
  if (!match) return undefined
  const bytes = Number(match[1]) * kibi ** (['Ki', 'Mi', 'Gi'].indexOf(match[2]!) + 1)
  return bytes >= smallestBuffers && bytes <= largestBuffers ? bytes : undefined
}
