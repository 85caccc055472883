/** Why a peer was refused a stream, unread. */
export type StreamRefusal =
  /** More at once on one connection than our SETTINGS allow. */
  | 'too_many_streams'
  /** It resets streams faster than its budget refills. */
  | 'reset_budget'
  /** So many of its streams wait for the application to be dialled. */
  | 'pending_dials'
  /** It keeps half of the process's buffers full by itself. */
  | 'peer_buffers'

/** What an accepting end asks about its peer, and tells of it, over all connections that the peer has. */
export interface PeerGuard {
  /** Bytes that are buffered for it. */
  held: number
  /** Whether so much is buffered for it that its streams must bring no more. */
  readonly overfull: boolean
  /** Why it may have no further stream now; undefined when it may. */
  refusal(): StreamRefusal | undefined
  /** It was refused a stream. */
  refused(reason: StreamRefusal): void
  /** It has reset a stream, or broken the protocol on it. */
  wasted(): void
  /** One stream more waits for its answer, or less. */
  unanswered(change: 1 | -1): void
}
