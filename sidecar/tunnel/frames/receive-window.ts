import type { BufferBudget } from '../buffer-budget.ts'
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
  readonly #raisedWindow: number
  readonly #buffers: BufferBudget
  readonly #grant: Grant
  #credit: number
  #held = 0

  constructor({ connectionWindow, raisedWindow }: FrameLimits, buffers: BufferBudget, grant: Grant) {
    // No peer can be told of a smaller one.
    this.#window = Math.max(connectionWindow, defaultWindow)
    this.#raisedWindow = raisedWindow
    this.#buffers = buffers
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

  /**
   * The same for one of `streams` streams: each gets its part of the connection's window and of the process's buffers,
   * and within that the more the better its reader keeps up.
   */
  widenStream(stream: FrameStream, streams: number): void {
    const most = Math.min(this.#raisedWindow, this.#buffers.share, Math.floor(this.#window / streams))
    const part = Math.min(stream.window, most)
    if ((part - stream.credit - stream.heldSize) * 2 < part) return
    stream.window = stream.heldSize === 0 ? Math.min(part * 2, most) : part
    const room = stream.window - stream.credit - stream.heldSize
    stream.credit += room
    this.#grant(stream.id, room)
  }
}
