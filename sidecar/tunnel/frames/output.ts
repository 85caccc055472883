import type { Duplex } from 'node:stream'
import { flag, frameType, headSize, smallestMaxFrameSize } from './protocol.ts'
import type { FrameStream } from './stream.ts'

/** Bytes of one write to the socket at most. Large enough for a few frames, small enough to interleave streams. */
const batchSize = 256 * 1024
/** DATA frames are so large at most, also where the peer takes larger ones: others want their turn. */
const largestData = 64 * 1024

/** Batches are copied into these and free again once written; all connections share them. */
const freeBatches: Buffer[] = []
const mostFreeBatches = 4

/**
 * What one connection sends. Everything that one turn of the event loop produces goes out in one write: first the
 * control frames in their order, then a DATA frame of each stream in turn. While a write is under way, the rest
 * waits here, where a reset can still take it back.
 */
export class Output {
  /** Bytes that the connection's window allows. */
  window: number
  /** The peer's SETTINGS_MAX_FRAME_SIZE. */
  maxFrameSize = smallestMaxFrameSize
  readonly #socket: Duplex
  readonly #onEnded: (stream: FrameStream) => void
  #control: Buffer = Buffer.allocUnsafe(256)
  #controlSize = 0
  #round: FrameStream[] = []
  #planned = false
  #writing: Buffer | undefined
  #ending = false
  #closed = false

  /** `onEnded` is told of a stream whose END_STREAM has gone out. */
  constructor(socket: Duplex, window: number, onEnded: (stream: FrameStream) => void) {
    this.#socket = socket
    this.window = window
    this.#onEnded = onEnded
  }

  /** Bytes of control frames that wait. */
  get controlSize(): number {
    return this.#controlSize
  }

  /** Queues a control frame. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    const at = this.#head(payload.length, type, flags, streamId)
    payload.copy(this.#control, at)
  }

  /** Queues a control frame that holds one number of 32 bits. */
  wordFrame(type: number, streamId: number, word: number): void {
    const at = this.#head(4, type, 0, streamId)
    this.#control.writeUInt32BE(word, at)
  }

  /** Queues bytes that are no frame: the preface. */
  raw(bytes: Buffer): void {
    bytes.copy(this.#control, this.#reserve(bytes.length))
  }

  /** Gives a stream its turn when it has something that its own window allows. */
  schedule(stream: FrameStream): void {
    const { out } = stream
    if (out.scheduled || this.#closed || !out.sendable) return
    out.scheduled = true
    this.#round.push(stream)
    this.#plan()
  }

  /** The connection's window has grown. */
  widen(increment: number): void {
    this.window += increment
    if (this.#round.length > 0) this.#plan()
  }

  /** Writes what is queued at once. */
  readonly flush = (): void => {
    this.#planned = false
    if (this.#writing) return
    const batch = freeBatches.pop() ?? Buffer.allocUnsafeSlow(batchSize)
    const afterControl = this.#takeControl(batch)
    const told: FrameStream[] = []
    const size = this.#round.length === 0 ? afterControl : this.#takeData(batch, afterControl, told)
    if (size === 0) {
      release(batch)
      return
    }
    this.#writing = batch
    this.#socket.write(batch.subarray(0, size), this.#written)
    for (const stream of told) this.#tell(stream)
  }

  /** Ends the socket behind everything queued but data that no window allows. */
  end(): void {
    this.#ending = true
    if (this.#writing) return
    this.flush()
    this.#socket.end()
  }

  /** Drops the streams; control frames that are queued may still go. */
  close(): void {
    this.#closed = true
    this.#round = []
  }

  readonly #written = (error?: Error | null): void => {
    const batch = this.#writing
    this.#writing = undefined
    // Where the write failed, TLS may still hold on to it.
    if (batch && !error) release(batch)
    if (this.#controlSize > 0 || this.#round.length > 0) this.flush()
    if (this.#ending) this.#socket.end()
  }

  #plan(): void {
    if (this.#planned || this.#writing) return
    this.#planned = true
    setImmediate(this.flush)
  }

  #takeControl(batch: Buffer): number {
    const size = Math.min(this.#controlSize, batchSize)
    if (size === 0) return 0
    this.#control.copy(batch, 0, 0, size)
    this.#control.copyWithin(0, size, this.#controlSize)
    this.#controlSize -= size
    return size
  }

  #takeData(batch: Buffer, from: number, told: FrameStream[]): number {
    const round = this.#round
    const next: FrameStream[] = []
    let at = from
    let i = 0
    // The array grows behind `i` by the streams that take another turn.
    for (; i < round.length; i++) {
      const stream = round[i]!
      const { out } = stream
      const room = Math.min(batchSize - at - headSize, largestData, this.maxFrameSize)
      if (room <= 0) break
      if (!out.sendable) {
        out.scheduled = false
        continue
      }
      const size = Math.min(out.waiting, out.window, this.window, room)
      if (size <= 0 && out.waiting > 0) {
        // Only the connection's window is in its way: it keeps its place, ends of other streams may pass.
        next.push(stream)
        continue
      }
      const ends = out.state === 'ending' && size === out.waiting
      writeHead(batch, at, size, frameType.data, ends ? flag.endStream : 0, stream.id)
      at += headSize
      if (size > 0) {
        out.take(batch, at, size)
        this.window -= size
        at += size
      }
      if (ends) out.state = 'ended'
      if (ends || out.blocked) told.push(stream)
      if (out.sendable) round.push(stream)
      else out.scheduled = false
    }
    for (; i < round.length; i++) next.push(round[i]!)
    this.#round = next
    return at
  }

  #tell(stream: FrameStream): void {
    if (stream.out.state === 'ended') this.#onEnded(stream)
    else stream.sent()
  }

  #head(length: number, type: number, flags: number, streamId: number): number {
    const at = this.#reserve(headSize + length)
    writeHead(this.#control, at, length, type, flags, streamId)
    return at + headSize
  }

  #reserve(size: number): number {
    const at = this.#controlSize
    const needed = at + size
    if (needed > this.#control.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#control.length * 2))
      this.#control.copy(larger, 0, 0, at)
      this.#control = larger
    }
    this.#controlSize = needed
    this.#plan()
    return at
  }
}

function release(batch: Buffer): void {
  if (freeBatches.length < mostFreeBatches) freeBatches.push(batch)
}

function writeHead(
  target: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[at] = length >>> 16
  target[at + 1] = length >>> 8
  target[at + 2] = length
  target[at + 3] = type
  target[at + 4] = flags
  target[at + 5] = streamId >>> 24
  target[at + 6] = streamId >>> 16
  target[at + 7] = streamId >>> 8
  target[at + 8] = streamId
}
