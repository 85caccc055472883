import { Budget } from './budget.ts'
import { ConnectionFault } from './connection-fault.ts'
import { type FrameHandler, FrameParser } from './frame-parser.ts'
import { type HeaderBlock, HeaderBlocks } from './header-blocks.ts'
import { type ErrorCode, errorCode, flag, frameType, largest31, preface } from './protocol.ts'

/** What frames mean that are well-formed by themselves; whether they fit the streams is decided here. */
export interface FrameMeaning {
  /** DATA begins; `length` bytes of it count against the windows, padding included. */
  dataHead(streamId: number, length: number): void
  dataBytes(bytes: Buffer): void
  dataPadding(length: number): void
  dataEnd(endStream: boolean): void
  headers(block: HeaderBlock): void
  reset(streamId: number, code: number): void
  settings(payload: Buffer): void
  /** The peer has taken the earliest SETTINGS of ours that it had not taken before. */
  settingsTaken(): void
  ping(payload: Buffer): void
  pong(payload: Buffer): void
  goaway(lastStreamId: number, code: number): void
  /** `increment` may be 0, which is an error of the stream or the connection. */
  windowUpdate(streamId: number, increment: number): void
  /** A frame was malformed, which is an error of its stream alone. */
  streamError(streamId: number, code: ErrorCode): void
}

/** Nobody who waits for half a window to be read, as all known peers do, widens one by less, in bytes. */
const smallIncrement = 512

/** Reads the frames of a peer and refuses what is malformed whatever came before: throws ConnectionFaults. */
export class FrameReader implements FrameHandler {
  readonly #meaning: FrameMeaning
  readonly #parser: FrameParser
  readonly #blocks = new HeaderBlocks()
  /** SETTINGS, PING, PRIORITY, empty and unknown frames: what costs work and carries nothing. */
  readonly #idleFrames = new Budget(1_000, 200)
  #prefaceLeft: number
  #settingsSeen = false

  constructor(meaning: FrameMeaning, from: 'client' | 'server', maxFrameSize: number) {
    this.#meaning = meaning
    this.#parser = new FrameParser(this, maxFrameSize)
    this.#prefaceLeft = from === 'client' ? preface.length : 0
  }

  feed(chunk: Buffer): void {
    const rest = this.#prefaceLeft > 0 ? this.#takePreface(chunk) : chunk
    if (rest.length > 0) this.#parser.feed(rest)
  }

  dataHead(streamId: number, length: number, endStream: boolean): void {
    this.#expectAny()
    if (streamId === 0) throw protocolFault('DATA on stream 0')
    if (length === 0 && !endStream) this.#spendIdle()
    this.#meaning.dataHead(streamId, length)
  }

  dataBytes(bytes: Buffer): void {
    this.#meaning.dataBytes(bytes)
  }

  dataPadding(length: number): void {
    this.#meaning.dataPadding(length)
  }

  dataEnd(endStream: boolean): void {
    this.#meaning.dataEnd(endStream)
  }

  unknownFrame(): void {
    this.#expectAny()
    this.#spendIdle()
  }

  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === frameType.continuation) {
      return this.#block(this.#blocks.continuation(flags, streamId, payload))
    }
    // The first frame is SETTINGS, not an acknowledgement of ours.
    if (type === frameType.settings && !(flags & flag.ack)) this.#settingsSeen = true
    this.#expectAny()
    switch (type) {
      case frameType.headers:
        return this.#block(this.#blocks.headers(flags, streamId, payload))
      case frameType.priority:
        if (streamId === 0) throw protocolFault('PRIORITY on stream 0')
        this.#spendIdle()
        if (payload.length !== 5) this.#meaning.streamError(streamId, errorCode.frameSizeError)
        return
      case frameType.rstStream:
        if (streamId === 0) throw protocolFault('RST_STREAM on stream 0')
        return this.#meaning.reset(streamId, wordOf(payload, 'RST_STREAM'))
      case frameType.settings:
        return this.#settings(flags, streamId, payload)
      case frameType.ping:
        return this.#ping(flags, streamId, payload)
      case frameType.goaway:
        if (streamId !== 0) throw protocolFault('GOAWAY on a stream')
        if (payload.length < 8) throw sizeFault('GOAWAY of less than 8 bytes')
        return this.#meaning.goaway(payload.readUInt32BE(0) & largest31, payload.readUInt32BE(4))
      case frameType.windowUpdate:
        return this.#windowUpdate(streamId, wordOf(payload, 'WINDOW_UPDATE') & largest31)
      default:
        throw protocolFault('push was refused in our SETTINGS')
    }
  }

  #block(block: HeaderBlock | undefined): void {
    if (block) this.#meaning.headers(block)
  }

  #settings(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw protocolFault('SETTINGS on a stream')
    if (!(flags & flag.ack)) {
      this.#spendIdle()
      this.#meaning.settings(payload)
    } else if (payload.length > 0) throw sizeFault('a SETTINGS acknowledgement with settings')
    else this.#meaning.settingsTaken()
  }

  #windowUpdate(streamId: number, increment: number): void {
    // Whoever widens a window byte by byte has us do more work than it does.
    if (increment < smallIncrement) this.#spendIdle()
    this.#meaning.windowUpdate(streamId, increment)
  }

  #ping(flags: number, streamId: number, payload: Buffer): void {
    if (streamId !== 0) throw protocolFault('PING on a stream')
    if (payload.length !== 8) throw sizeFault('PING is 8 bytes')
    if (flags & flag.ack) return this.#meaning.pong(payload)
    this.#spendIdle()
    this.#meaning.ping(payload)
  }

  #takePreface(chunk: Buffer): Buffer {
    const size = Math.min(this.#prefaceLeft, chunk.length)
    const start = preface.length - this.#prefaceLeft
    if (chunk.compare(preface, start, start + size, 0, size) !== 0) {
      throw protocolFault('the client speaks no HTTP/2')
    }
    this.#prefaceLeft -= size
    return chunk.subarray(size)
  }

  /** Nothing but SETTINGS may come first, and nothing but CONTINUATION amid a header block. */
  #expectAny(): void {
    if (!this.#settingsSeen) throw protocolFault('the first frame is no SETTINGS')
    if (this.#blocks.unfinished) throw protocolFault('a header block is interrupted')
  }

  #spendIdle(): void {
    if (this.#idleFrames.take()) return
    throw new ConnectionFault(errorCode.enhanceYourCalm, 'a flood of frames that carry nothing')
  }
}

function wordOf(payload: Buffer, name: string): number {
  if (payload.length !== 4) throw sizeFault(`${name} is 4 bytes`)
  return payload.readUInt32BE(0)
}

function protocolFault(message: string): ConnectionFault {
  return new ConnectionFault(errorCode.protocolError, message)
}

function sizeFault(message: string): ConnectionFault {
  return new ConnectionFault(errorCode.frameSizeError, message)
}
