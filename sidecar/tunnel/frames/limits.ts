/** Sizes that one connection keeps to. */
export interface FrameLimits {
  /** What a peer may send on a new stream before its reader takes it, in bytes: 16 KiB to 1 MiB; less while memory is short. */
  readonly streamWindow: number
  /** The same on a stream whose reader keeps up, in bytes; no less than `streamWindow`. */
  readonly raisedWindow: number
  /** What a peer may send on all streams before their readers take it, in bytes: what it can make us keep. */
  readonly connectionWindow: number
  /** Payload of a frame that we accept, in bytes. */
  readonly maxFrameSize: number
  /** Streams that a peer may have open. */
  readonly maxConcurrentStreams: number
  /** Bytes of a decoded header list, counted as HPACK does. */
  readonly maxHeaderListSize: number
  /** Bytes that a stream queues before its writer is asked to wait. */
  readonly highWaterMark: number
}

/** Streams that one tunnel carries at most, whoever dialled it; a further connection opens another tunnel. */
export const streamsPerTunnel = 100

export const defaultLimits: FrameLimits = {
  streamWindow: 256 * 1024,
  // A millisecond away, a bulk stream carries four times as much by it (bench/windows.ts).
  raisedWindow: 1024 * 1024,
  // A hundred streams of a tunnel with full windows: a slow reader takes nothing from the others.
  connectionWindow: streamsPerTunnel * 256 * 1024,
  maxFrameSize: 64 * 1024,
  maxConcurrentStreams: streamsPerTunnel,
  maxHeaderListSize: 64 * 1024,
  highWaterMark: 128 * 1024,
}
