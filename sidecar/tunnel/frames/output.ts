import type { Duplex } from 'node:stream'
import { afterReads } from '../../proxy/after-reads.ts'
import { giveBlock, takeBlock } from '../../proxy/blocks.ts'
import { flag, frameType, headSize, smallestMaxFrameSize } from './protocol.ts'
import type { FrameStream } from './stream.ts'

/** Bytes of one write to the socket at most. Large enough for a few frames, small enough to interleave streams. */
const batchSize = 256 * 1024
/** What control frames are given to wait in, in bytes; more where it is needed. */
const smallestControl = 256
const keptControl = 4 * 1024
/** DATA frames are so large at most, also where the peer takes larger ones: others want their turn. */
const largestData = 64 * 1024

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
  readonly #onMemory: (change: number) => void
  /** Bytes of data in the write that is under way. */
  #sending = 0
  #control: Buffer = Buffer.allocUnsafe(smallestControl)
  #controlSize = 0
  #round: FrameStream[] = []
  #planned = false
  /** The next write, and how much of it is filled. */
  #batch: Buffer | undefined
  #batchSize = 0
  /** Bytes of data among them. */
  #batchData = 0
  #writing: Buffer | undefined
  #ending = false
  #closed = false

  /** `onEnded` is told of a stream whose END_STREAM has gone out, `onMemory` what data takes more or less, in bytes. */
  constructor(
    socket: Duplex,
    window: number,
    onEnded: (stream: FrameStream) => void,
    onMemory: (change: number) => void,
  ) {
    this.#socket = socket
    this.window = window
    this.#onEnded = onEnded
    this.#onMemory = onMemory
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

  /** Takes bytes of a stream: into the next write where nothing stands before them, else to wait in the stream. */
  write(stream: FrameStream, bytes: Buffer): void {
    const taken = this.#writeNow(stream, bytes)
    if (taken === bytes.length) return
    stream.out.push(taken === 0 ? bytes : bytes.subarray(taken))
    this.schedule(stream)
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
    const told: FrameStream[] = []
    // What waits behind no data is written as it is, and takes no block of which it would fill little.
    if (!this.#batch && this.#round.length === 0) return this.#writeControl()
    if (this.#controlSize > 0) this.#takeControl()
    if (this.#round.length > 0) this.#takeData(told)
    const batch = this.#batch
    if (!batch) return
    this.#writing = batch
    this.#sending = this.#batchData
    if (this.#sending > 0) this.#onMemory(this.#sending)
    this.#batch = undefined
    this.#socket.write(batch.subarray(0, this.#batchSize), this.#written)
    for (const stream of told) this.#tell(stream)
  }

  /** Ends the socket behind everything queued but data that no window allows. */
  end(): void {
    this.#ending = true
    if (this.#writing) return
    this.flush()
    this.#socket.end()
  }

  #writeControl(): void {
    if (this.#controlSize === 0) return
    const bytes = this.#control.subarray(0, this.#controlSize)
    this.#writing = bytes
    this.#control = Buffer.allocUnsafe(smallestControl)
    this.#controlSize = 0
    this.#socket.write(bytes, this.#written)
  }

  /** Drops the streams; control frames that are queued may still go. */
  close(): void {
    this.#closed = true
    this.#round = []
  }

  readonly #written = (error?: Error | null): void => {
    const batch = this.#writing
    this.#writing = undefined
    if (this.#sending > 0) this.#onMemory(-this.#sending)
    this.#sending = 0
    // Where the write failed, TLS may still hold on to it.
    if (batch?.length === batchSize && !error) giveBlock(batch)
    this.flush()
    if (this.#ending) this.#socket.end()
  }

  #plan(): void {
    if (this.#planned || this.#writing) return
    this.#planned = true
    afterReads(this.flush)
  }

  /** Copies to the next write what it has room for; answers how many bytes. */
  #writeNow(stream: FrameStream, bytes: Buffer): number {
    const { out } = stream
    if (this.#writing || this.#closed || this.#round.length > 0 || !out.headSent || out.waiting > 0) return 0
    if (out.window <= 0 || this.window <= 0) return 0
    if (this.#controlSize > 0) this.#takeControl()
    const batch = this.#openBatch()
    let taken = 0
    while (taken < bytes.length && this.#controlSize === 0) {
      const room = Math.min(batchSize - this.#batchSize - headSize, largestData, this.maxFrameSize)
      const size = Math.min(bytes.length - taken, out.window, this.window, room)
      if (size <= 0) break
      this.#dataHead(batch, size, 0, stream)
      bytes.copy(batch, this.#batchSize, taken, taken + size)
      this.#batchSize += size
      taken += size
    }
    this.#plan()
    return taken
  }

  #openBatch(): Buffer {
    if (!this.#batch) {
      this.#batch = takeBlock(batchSize)
      this.#batchSize = this.#batchData = 0
    }
    return this.#batch
  }

  /** Moves control frames to the next write, as far as they fit. */
  #takeControl(): void {
    const batch = this.#openBatch()
    const size = Math.min(this.#controlSize, batchSize - this.#batchSize)
    this.#control.copy(batch, this.#batchSize, 0, size)
    this.#control.copyWithin(0, size, this.#controlSize)
    this.#controlSize -= size
    // What a burst needed is not kept for ever.
    if (this.#controlSize === 0 && this.#control.length > keptControl) {
      this.#control = Buffer.allocUnsafe(smallestControl)
    }
    this.#batchSize += size
  }

  #dataHead(batch: Buffer, size: number, flags: number, stream: FrameStream): void {
    writeHead(batch, this.#batchSize, size, frameType.data, flags, stream.id)
    this.#batchSize += headSize
    stream.out.window -= size
    this.window -= size
    this.#batchData += size
  }

  #takeData(told: FrameStream[]): void {
    // Half a control frame may stand at the end of the batch; the rest of it comes first.
    if (this.#controlSize > 0) return
    const round = this.#round
    const next: FrameStream[] = []
    let i = 0
    // The array grows behind `i` by the streams that take another turn.
    for (; i < round.length; i++) {
      const stream = round[i]!
      const { out } = stream
      const room = Math.min(
        batchSize - (this.#batch ? this.#batchSize : 0) - headSize,
        largestData,
        this.maxFrameSize,
      )
      if (room <= 0) break
      if (!out.sendable) {
        out.scheduled = false
        continue
      }
      // A window is below 0 after the peer made its windows smaller; an end needs none.
      const size = Math.max(0, Math.min(out.waiting, out.window, this.window, room))
      if (size === 0 && out.waiting > 0) {
        // Only the connection's window is in its way: it keeps its place, ends of other streams may pass.
        next.push(stream)
        continue
      }
      const ends = out.state === 'ending' && size === out.waiting
      const batch = this.#openBatch()
      this.#dataHead(batch, size, ends ? flag.endStream : 0, stream)
      const { memory } = out
      if (size > 0) out.take(batch, this.#batchSize, size)
      if (out.memory !== memory) this.#onMemory(out.memory - memory)
      this.#batchSize += size
      if (ends) out.state = 'ended'
      if (ends || out.blocked) told.push(stream)
      if (out.sendable) round.push(stream)
      else out.scheduled = false
    }
    for (; i < round.length; i++) next.push(round[i]!)
    this.#round = next
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
