import { ConnectionFault } from './connection-fault.ts'
import { errorCode, flag, frameType, headSize } from './protocol.ts'

/** What a parser tells of frames; may throw a ConnectionFault, after which the parser must not be fed again. */
export interface FrameHandler {
  /** A DATA frame begins; `length` bytes of it count against the windows, padding included. */
  dataHead(streamId: number, length: number, endStream: boolean): void
  /** A piece of its data, a view of the chunk that was fed. */
  dataBytes(bytes: Buffer): void
  /** A piece of its padding, in bytes. */
  dataPadding(length: number): void
  dataEnd(endStream: boolean): void
  /** Any other frame of a known type, whole. PRIORITY comes without its payload. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void
  /** A frame of a type that nobody knows. */
  unknownFrame(): void
}

type Mode = 'head' | 'padLength' | 'data' | 'padding' | 'whole' | 'skipped'

const nothing = Buffer.alloc(0)

/**
 * Cuts chunks into frames. DATA passes through as it comes, however it is cut, so nothing is copied or waited for;
 * other frames are delivered whole and are kept meanwhile, at most one of `maxFrameSize`.
 */
export class FrameParser {
  readonly #handler: FrameHandler
  readonly #maxFrameSize: number
  readonly #head = Buffer.alloc(headSize)
  #headFill = 0
  #mode: Mode = 'head'
  #type = 0
  #flags = 0
  #streamId = 0
  /** Bytes of the current part that have not come yet. */
  #left = 0
  #padding = 0
  #whole: Buffer = nothing

  constructor(handler: FrameHandler, maxFrameSize: number) {
    this.#handler = handler
    this.#maxFrameSize = maxFrameSize
  }

  /** Throws a ConnectionFault for what no peer may send. */
  feed(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) at = this.#step(chunk, at)
  }

  #step(chunk: Buffer, at: number): number {
    switch (this.#mode) {
      case 'head':
        return this.#stepHead(chunk, at)
      case 'data': {
        const size = Math.min(this.#left, chunk.length - at)
        this.#left -= size
        const bytes = at === 0 && size === chunk.length ? chunk : chunk.subarray(at, at + size)
        this.#handler.dataBytes(bytes)
        if (this.#left === 0) this.#afterData()
        return at + size
      }
      case 'padLength': {
        this.#padding = chunk[at]!
        this.#left -= 1
        if (this.#padding > this.#left) {
          throw new ConnectionFault(errorCode.protocolError, 'a DATA frame is shorter than its padding')
        }
        this.#left -= this.#padding
        this.#handler.dataPadding(1)
        this.#mode = 'data'
        if (this.#left === 0) this.#afterData()
        return at + 1
      }
      case 'padding': {
        const size = Math.min(this.#left, chunk.length - at)
        this.#left -= size
        this.#handler.dataPadding(size)
        if (this.#left === 0) this.#endData()
        return at + size
      }
      case 'whole':
        return this.#stepWhole(chunk, at)
      case 'skipped': {
        const size = Math.min(this.#left, chunk.length - at)
        this.#left -= size
        if (this.#left === 0) this.#mode = 'head'
        return at + size
      }
    }
  }

  #stepHead(chunk: Buffer, at: number): number {
    if (this.#headFill === 0 && chunk.length - at >= headSize) {
      this.#begin(chunk, at)
      return at + headSize
    }
    const size = Math.min(headSize - this.#headFill, chunk.length - at)
    chunk.copy(this.#head, this.#headFill, at, at + size)
    this.#headFill += size
    if (this.#headFill === headSize) {
      this.#headFill = 0
      this.#begin(this.#head, 0)
    }
    return at + size
  }

  #begin(head: Buffer, at: number): void {
    const length = (head[at]! << 16) | (head[at + 1]! << 8) | head[at + 2]!
    this.#type = head[at + 3]!
    this.#flags = head[at + 4]!
    this.#streamId =
      ((head[at + 5]! & 0x7f) << 24) | (head[at + 6]! << 16) | (head[at + 7]! << 8) | head[at + 8]!
    if (length > this.#maxFrameSize) {
      throw new ConnectionFault(errorCode.frameSizeError, `a frame of ${length} bytes is over the limit`)
    }
    this.#left = length
    if (this.#type === frameType.data) this.#beginData(length)
    else if (this.#type > frameType.continuation) {
      this.#handler.unknownFrame()
      this.#mode = length === 0 ? 'head' : 'skipped'
    } else if (length === 0) this.#deliver(nothing)
    else this.#mode = 'whole'
  }

  #beginData(length: number): void {
    const padded = (this.#flags & flag.padded) !== 0
    this.#padding = 0
    if (padded && length === 0) {
      throw new ConnectionFault(errorCode.frameSizeError, 'a padded DATA frame has no room for its padding')
    }
    this.#handler.dataHead(this.#streamId, length, (this.#flags & flag.endStream) !== 0)
    if (padded) this.#mode = 'padLength'
    else if (length > 0) this.#mode = 'data'
    else this.#endData()
  }

  #afterData(): void {
    if (this.#padding === 0) return this.#endData()
    this.#left = this.#padding
    this.#mode = 'padding'
  }

  #endData(): void {
    this.#mode = 'head'
    this.#handler.dataEnd((this.#flags & flag.endStream) !== 0)
  }

  #stepWhole(chunk: Buffer, at: number): number {
    const size = Math.min(this.#left, chunk.length - at)
    if (this.#whole.length === 0 && size === this.#left) {
      this.#deliver(chunk.subarray(at, at + size))
      return at + size
    }
    // The frame's length was checked, so a peer can make this at most one frame large.
    if (this.#whole.length === 0) this.#whole = Buffer.allocUnsafe(this.#left)
    chunk.copy(this.#whole, this.#whole.length - this.#left, at, at + size)
    this.#left -= size
    if (this.#left === 0) {
      const whole = this.#whole
      this.#whole = nothing
      this.#deliver(whole)
    }
    return at + size
  }

  #deliver(payload: Buffer): void {
    this.#mode = 'head'
    this.#handler.frame(this.#type, this.#flags, this.#streamId, payload)
  }
}
