/**
 * One side of a proxied connection: bytes both ways, each way ended by a FIN or the whole cut by an abort. The two
 * are never mistaken for each other, or a truncated body would pass for a whole one.
 */
export interface Leg {
  /**
   * Starts delivery to `sink`, or moves it there from an earlier one. An end that an earlier sink was told of is
   * told to the new one too.
   */
  read(sink: Sink): void
  pause(): void
  resume(): void
  /** Queues a copy of the bytes. False asks the writer to wait for `drained`. */
  write(bytes: Buffer): boolean
  /** Sends FIN after what is queued; reading goes on. Further calls do nothing. */
  end(): void
  /** Cuts the connection so that the peer sees a reset, never an end. Further calls do nothing. */
  abort(cause: Error): void
}

export interface Sink {
  /** The bytes are lent: good until this returns. */
  data(bytes: Buffer): void
  /** The peer sent FIN: no data follows. */
  ended(): void
  /** The peer reset, or the connection was lost. Nothing follows. */
  aborted(cause: Error): void
  /** The queue of `write` has room again. */
  drained(): void
  /** Both ways ended and everything was handed to the kernel or the tunnel. Nothing follows. */
  closed(): void
}
