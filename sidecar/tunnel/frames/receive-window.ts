import type { FrameLimits } from './limits.ts'
import { defaultWindow } from './protocol.ts'
import type { FrameStream } from './stream.ts'

/** Sends a WINDOW_UPDATE. */
type Grant = (streamId: number, increment: number) => void

/**
 * What a peer may send: on the whole connection, and on each stream. Both are widened only by what readers have
 * taken, so the connection's window bounds what the peer can make us keep.
 */
export class ReceiveWindow {
  readonly #window: number
  readonly #streamWindow: number
  readonly #grant: Grant
  #credit: number
  #held = 0

  constructor({ connectionWindow, streamWindow }: FrameLimits, grant: Grant) {
    // No peer can be told of a smaller one.
    this.#window = Math.max(connectionWindow, defaultWindow)
    this.#streamWindow = streamWindow
    this.#grant = grant
    this.#credit = this.#window
    if (this.#window > defaultWindow) grant(0, this.#window - defaultWindow)
  }

  /** Bytes that the peer may still send. */
  get credit(): number {
    return this.#credit
  }

  /** Bytes that paused readers keep waiting. */
  get held(): number {
    return this.#held
  }

  /** The peer used so much of it. */
  spend(bytes: number): void {
    this.#credit -= bytes
  }

  /** Readers keep so many bytes more waiting, or less. */
  hold(change: number): void {
    this.#held += change
  }

  /** Gives the connection back what was taken, once that is worth a frame. */
  widen(): void {
    const taken = this.#window - this.#credit - this.#held
    if (taken * 2 < this.#window) return
    this.#credit += taken
    this.#grant(0, taken)
  }

  /** The same for one of `streams` streams. Where they are many, each gets its part of the connection's window. */
  widenStream(stream: FrameStream, streams: number): void {
    const part = Math.min(this.#streamWindow, Math.floor(this.#window / streams))
    const room = part - stream.credit - stream.heldSize
    if (room * 2 < part) return
    stream.credit += room
    this.#grant(stream.id, room)
  }
}
