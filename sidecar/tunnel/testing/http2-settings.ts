import type { ServerSessionOptions } from 'node:http2'

/** The flow-control window of one stream, in bytes: what a peer may send that its reader has not taken yet. */
const streamWindow = 256 * 1024
/** The window of the whole connection; node:http2 credits it as it parses, so it bounds nothing and need not be small. */
export const connectionWindow = 16 * 1024 * 1024

/** HTTP/2 settings of both ends of a tunnel. */
export const http2Settings = {
  initialWindowSize: streamWindow,
  enablePush: false,
  maxConcurrentStreams: 1_000,
} as const

/**
 * node:http2's own limits would end a whole tunnel, with every innocent stream in it, after a thousand resets or ten
 * megabytes in flight; abuse is limited elsewhere, per peer.
 */
export const http2Limits = {
  maxSessionMemory: 1_000,
  streamResetBurst: 100_000,
  streamResetRate: 20_000,
} satisfies Partial<ServerSessionOptions> & { streamResetBurst: number; streamResetRate: number }
