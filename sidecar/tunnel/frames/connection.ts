import type { Duplex } from 'node:stream'
import { readShared } from '../../proxy/shared-reads.ts'
import type { BufferAccount, BufferBudget, BufferOwner } from '../buffer-budget.ts'
import { AnnouncedWindow } from './announced-window.ts'
import { ConnectionFault } from './connection-fault.ts'
import { type FrameMeaning, FrameReader } from './frame-reader.ts'
import type { HeaderBlock } from './header-blocks.ts'
import { HpackDecoder } from './hpack/decoder.ts'
import { HpackEncoder } from './hpack/encoder.ts'
import type { Field } from './hpack/static-table.ts'
import type { FrameLimits } from './limits.ts'
import { Output } from './output.ts'
import type { PeerGuard, StreamRefusal } from './peer-guard.ts'
import { Pings } from './pings.ts'
import {
  defaultWindow,
  type ErrorCode,
  errorCode,
  flag,
  frameType,
  largest31,
  nameOfError,
  preface,
} from './protocol.ts'
import { ReceiveWindow } from './receive-window.ts'
import { applySettings, encodeSettings, encodeWindow, initialPeerSettings } from './settings.ts'
import { FrameStream, type StreamHost } from './stream.ts'

/** What one end of a connection does with what the other sends. */
export interface ConnectionEnd {
  readonly role: 'client' | 'server'
  /** What the peer's streams may cost; undefined on the dialling end, which is opened none. */
  readonly guard: PeerGuard | undefined
  /**
   * The first HEADERS of a stream have come, or one more informational response; `fields` is undefined where they
   * were too many. Answers whether they were the final head of the message; undefined when they are malformed.
   */
  head(stream: FrameStream, fields: readonly Field[] | undefined): boolean | undefined
  /** A stream is gone: whole, or with `loss`. */
  gone(stream: FrameStream, loss: Loss | undefined): void
  /** Nothing more is to be opened. */
  retired(): void
  /** The connection is gone, with all its streams. Called once. */
  closed(cause: Error | undefined): void
}

export interface Loss {
  readonly cause: Error
  /** The peer never looked at it. */
  readonly unprocessed: boolean
}

/** Bytes of answers that a peer may leave unread: acknowledgements of SETTINGS and PING, resets, heads. */
const mostControl = 128 * 1024
/** How long a peer may take to acknowledge SETTINGS, in milliseconds. Until then it goes by the largest window it knows. */
const settingsLimit = 20_000
/** How long a peer may take to acknowledge the first step of going away, in milliseconds. */
const farewellLimit = 1_000
/** How long a peer may take to read the last of what was written, in milliseconds: as long as a silent one is believed. */
const flushLimit = 30_000
/** How long a peer may take to close after us, in milliseconds. */
const closeLimit = 5_000
const nothing = Buffer.alloc(0)

/**
 * One HTTP/2 connection that carries streams of CONNECT, either end (RFC 9113). This file is longer than others
 * since a stream's life, from HEADERS to its removal, is in one place.
 */
export class FrameConnection implements FrameMeaning, StreamHost {
  readonly #socket: Duplex
  readonly #end: ConnectionEnd
  readonly #limits: FrameLimits
  readonly #buffers: BufferBudget
  readonly #account: BufferAccount
  readonly #reader: FrameReader
  readonly #decoder: HpackDecoder
  readonly #encoder = new HpackEncoder()
  readonly #output: Output
  readonly #window: ReceiveWindow
  readonly #announced = new AnnouncedWindow()
  readonly #pings = new Pings()
  readonly #peer = initialPeerSettings()
  readonly #streams = new Map<number, FrameStream>()
  /** Streams of ours that the peer's limit keeps waiting, with their HEADERS. */
  readonly #pending: { readonly stream: FrameStream; readonly fields: readonly Field[] }[] = []
  /** The stream that the DATA frame under way belongs to; undefined when it is passed over. */
  #current: FrameStream | undefined
  #lastPeerId = 0
  #nextId = 1
  /** Streams above it are passed over: our GOAWAY said so. */
  #accepted = largest31
  #settingsTimer: NodeJS.Timeout | undefined
  #closing = false
  #closed = false

  constructor(socket: Duplex, end: ConnectionEnd, limits: FrameLimits, buffers: BufferBudget) {
    this.#socket = socket
    this.#end = end
    this.#limits = limits
    this.#buffers = buffers
    this.#account = buffers.account(end.guard satisfies BufferOwner | undefined)
    this.#reader = new FrameReader(this, this.#peerRole, limits.maxFrameSize)
    this.#decoder = new HpackDecoder(this.#peer.headerTableSize, limits.maxHeaderListSize)
    this.#output = new Output(
      socket,
      defaultWindow,
      (stream) => this.#endSent(stream),
      (change) => this.#account.hold(change),
    )
    if (end.role === 'client') this.#output.raw(preface)
    const initialWindowSize = this.#newWindow
    this.#sendSettings(initialWindowSize, encodeSettings({ ...limits, initialWindowSize }))
    const forget = buffers.onSettledWindow(() => this.#announce())
    this.#window = new ReceiveWindow(limits, buffers, (streamId, increment) => {
      this.#output.wordFrame(frameType.windowUpdate, streamId, increment)
    })
    socket.on('error', (error) => this.#lose(error))
    socket.on('close', () => {
      forget()
      this.#lose(undefined)
      this.#account.close()
    })
    // A half-closed tunnel carries nothing to its end.
    socket.on('end', () => this.#lose(undefined))
    readShared(socket, (chunk) => this.#take(chunk))
  }

  /** Streams that are open or wait to be. */
  get size(): number {
    return this.#streams.size + this.#pending.length
  }

  /** Bytes that paused readers keep waiting. */
  get heldSize(): number {
    return this.#window.held
  }

  /** Bytes that a stream queues before its writer is asked to wait: the fewer, the more streams there are. */
  get highWaterMark(): number {
    // Half, since what was read last comes on top, and those that began earlier were let have more.
    return Math.min(this.#limits.highWaterMark, this.#buffers.share / 2)
  }

  /** Opens a stream, at once or when the peer's limit allows. */
  open(fields: readonly Field[]): FrameStream {
    const stream = this.#newStream()
    if (this.#closing || this.#closed) {
      // Told once the caller holds it.
      queueMicrotask(() =>
        this.#lost(stream, { cause: new Error('the tunnel is retired'), unprocessed: true }),
      )
      return stream
    }
    this.#pending.push({ stream, fields })
    this.#openPending()
    return stream
  }

  /** Sends the head of an answer; nothing when the stream is gone. */
  respond(stream: FrameStream, fields: readonly Field[], endStream: boolean): void {
    if (!this.#has(stream) || stream.out.headSent) return
    this.#sendHead(stream, fields, endStream)
    if (!endStream) return this.schedule(stream)
    // Behind a whole answer, a reset without an error asks the peer to send no more (RFC 9113, 8.1).
    if (!stream.endReceived) this.#reset(stream.id, errorCode.noError)
    this.#remove(stream, undefined)
    stream.lose(new Error('the request was refused'))
  }

  write(stream: FrameStream, bytes: Buffer): void {
    this.#output.write(stream, bytes)
  }

  schedule(stream: FrameStream): void {
    this.#output.schedule(stream)
  }

  queued(change: number): void {
    this.#account.hold(change)
  }

  held(stream: FrameStream, change: number): void {
    this.#account.hold(change)
    this.#window.hold(change)
    if (change < 0) this.#widen(stream)
    else if (this.#buffers.overfull || this.#end.guard?.overfull) this.#shed(stream)
  }

  cancel(stream: FrameStream): void {
    const waits = this.#pending.findIndex((pending) => pending.stream === stream)
    if (waits >= 0) this.#pending.splice(waits, 1)
    else if (!this.#has(stream)) return
    else this.#reset(stream.id, errorCode.cancel)
    this.#remove(stream, { cause: new Error('the stream was cancelled'), unprocessed: false })
  }

  /** Asks for a sign of life. */
  askForLife(answered: () => void): void {
    if (!this.#closed) this.#output.frame(frameType.ping, 0, 0, this.#pings.expect(answered))
  }

  /**
   * Opens and accepts nothing more, and ends with the last stream. A peer's streams that are on their way are still
   * accepted: the last id is named a round trip after the warning.
   */
  close(): void {
    if (this.#closing || this.#closed) return
    this.#closing = true
    this.#end.retired()
    if (this.#end.role === 'client') return this.#endIfIdle()
    this.#sendGoaway(largest31, errorCode.noError)
    const settle = (): void => {
      clearTimeout(timer)
      if (this.#accepted !== largest31 || this.#closed) return
      this.#accepted = this.#lastPeerId
      this.#sendGoaway(this.#accepted, errorCode.noError)
      this.#endIfIdle()
    }
    const timer = setTimeout(settle, farewellLimit)
    this.askForLife(settle)
  }

  /** Cuts it with all its streams. */
  destroy(cause: Error): void {
    this.#lose(cause)
    this.#socket.destroy()
  }

  // What the reader tells.

  dataHead(streamId: number, length: number): void {
    if (length > this.#window.credit) {
      throw new ConnectionFault(errorCode.flowControlError, 'more data than the connection allows')
    }
    this.#current = undefined
    const stream = this.#streams.get(streamId)
    if (!stream) return this.#expectKnown(streamId)
    if (stream.endReceived) return this.#fail(stream, errorCode.streamClosed, 'DATA after its end')
    if (!stream.headReceived) return this.#fail(stream, errorCode.protocolError, 'DATA before HEADERS')
    // An end that carries nothing needs no window, and may find less than none.
    if (length > Math.max(0, stream.credit)) {
      return this.#fail(stream, errorCode.flowControlError, 'more data than the stream allows')
    }
    this.#current = stream
  }

  dataBytes(bytes: Buffer): void {
    this.dataPadding(bytes.length, bytes)
  }

  dataPadding(length: number, bytes?: Buffer): void {
    this.#window.spend(length)
    const stream = this.#current
    if (stream) {
      stream.credit -= length
      if (bytes) stream.receive(bytes)
    }
    this.#widen(stream)
  }

  dataEnd(endStream: boolean): void {
    const stream = this.#current
    this.#current = undefined
    if (endStream && stream && this.#has(stream)) this.#endReceived(stream)
  }

  headers({ streamId, endStream, bytes }: HeaderBlock): void {
    // Decoded whatever becomes of the stream: later blocks build on it.
    const fields = this.#decoder.decode(bytes)
    const stream = this.#streams.get(streamId) ?? this.#accept(streamId)
    if (!stream) return this.#expectKnown(streamId)
    if (stream.endReceived) return this.#fail(stream, errorCode.streamClosed, 'HEADERS after its end')
    if (stream.headReceived) {
      if (!endStream) return this.#fail(stream, errorCode.protocolError, 'trailers that are not its end')
    } else {
      const final = this.#end.head(stream, fields)
      if (final === undefined || (!final && endStream)) {
        return this.#fail(stream, errorCode.protocolError, 'malformed HEADERS')
      }
      stream.headReceived = final
    }
    if (endStream && this.#has(stream)) this.#endReceived(stream)
  }

  reset(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId)
    if (!stream) return this.#expectKnown(streamId)
    this.#end.guard?.wasted()
    const cause = new Error(`the peer reset the stream: ${nameOfError(code)}`)
    this.#remove(stream, { cause, unprocessed: code === errorCode.refusedStream })
    stream.lose(cause)
  }

  settings(payload: Buffer): void {
    const before = this.#peer.initialWindowSize
    applySettings(payload, this.#peer, this.#peerRole)
    this.#output.maxFrameSize = this.#peer.maxFrameSize
    this.#encoder.setPeerTableSize(this.#peer.headerTableSize)
    this.#output.frame(frameType.settings, flag.ack, 0, nothing)
    this.#shiftWindows(this.#peer.initialWindowSize - before)
    this.#openPending()
  }

  settingsTaken(): void {
    clearTimeout(this.#settingsTimer)
    this.#shiftCredits(this.#announced.taken())
    this.#announce()
  }

  ping(payload: Buffer): void {
    this.#output.frame(frameType.ping, flag.ack, 0, payload)
  }

  pong(payload: Buffer): void {
    this.#pings.answer(payload)
  }

  goaway(lastStreamId: number, code: number): void {
    this.#end.retired()
    // A client that goes away opens nothing more; what it has open goes on.
    if (this.#end.role === 'server') return
    this.#closing = true
    const loss: Loss = { cause: new Error(`the peer goes away: ${nameOfError(code)}`), unprocessed: true }
    for (const { stream } of this.#pending.splice(0)) this.#lost(stream, loss)
    for (const stream of this.#streams.values()) {
      if (stream.id <= lastStreamId) continue
      this.#leave(stream)
      this.#lost(stream, loss)
    }
    this.#endIfIdle()
  }

  windowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) return this.#widenOutput(increment)
    const stream = this.#streams.get(streamId)
    if (!stream) return this.#expectKnown(streamId)
    if (increment === 0) return this.#fail(stream, errorCode.protocolError, 'WINDOW_UPDATE by nothing')
    if (stream.out.window + increment > largest31) {
      return this.#fail(stream, errorCode.flowControlError, 'its window is too large')
    }
    stream.out.window += increment
    this.schedule(stream)
  }

  streamError(streamId: number, code: ErrorCode): void {
    const stream = this.#streams.get(streamId)
    if (stream) this.#fail(stream, code, nameOfError(code))
  }

  get #peerRole(): 'client' | 'server' {
    return this.#end.role === 'client' ? 'server' : 'client'
  }

  #has(stream: FrameStream): boolean {
    return this.#streams.get(stream.id) === stream
  }

  #take(chunk: Buffer): void {
    if (this.#closed) return
    try {
      this.#reader.feed(chunk)
      if (this.#output.controlSize > mostControl) {
        throw new ConnectionFault(errorCode.enhanceYourCalm, 'the peer reads no answers')
      }
    } catch (error) {
      if (!(error instanceof ConnectionFault)) throw error
      this.#blame(error)
    }
  }

  /** Tells the peer what it did wrong, and ends. */
  #blame(fault: ConnectionFault): void {
    // A frame behind the one that ended it is nobody's concern any more.
    if (this.#closed) return
    this.#sendGoaway(this.#lastPeerId, fault.code, fault.message)
    this.#lose(fault)
  }

  /** A frame on a stream that is gone is passed over, on one that never was it is an error. */
  #expectKnown(streamId: number): void {
    const ours = (streamId & 1) === (this.#end.role === 'client' ? 1 : 0)
    if (ours ? streamId >= this.#nextId : streamId > this.#lastPeerId) {
      throw new ConnectionFault(errorCode.protocolError, `a frame on stream ${streamId}, which is idle`)
    }
  }

  /** A stream that the peer opens; undefined when it opens none, or is refused it. */
  #accept(streamId: number): FrameStream | undefined {
    const opens = this.#end.role === 'server' && (streamId & 1) === 1 && streamId > this.#lastPeerId
    if (!opens) return undefined
    this.#lastPeerId = streamId
    if (streamId > this.#accepted) return undefined
    const refusal = this.#refusal()
    if (refusal) {
      this.#end.guard?.refused(refusal)
      this.#reset(streamId, errorCode.refusedStream)
      return undefined
    }
    const stream = this.#newStream()
    stream.id = streamId
    this.#enter(stream)
    return stream
  }

  #refusal(): StreamRefusal | undefined {
    if (this.#streams.size >= this.#limits.maxConcurrentStreams) return 'too_many_streams'
    return this.#end.guard?.refusal()
  }

  #newStream(): FrameStream {
    return new FrameStream(this, this.#peer.initialWindowSize, this.#announced.size)
  }

  #enter(stream: FrameStream): void {
    this.#streams.set(stream.id, stream)
    this.#account.stream(1)
  }

  #leave(stream: FrameStream): void {
    if (this.#streams.delete(stream.id)) this.#account.stream(-1)
  }

  /** What a new stream may be sent before its reader takes it, as memory is now. */
  get #newWindow(): number {
    return Math.min(this.#limits.streamWindow, this.#buffers.window)
  }

  /** Tells the peer what streams may be sent from now on, those that are open included. */
  #announce(): void {
    const window = this.#newWindow
    // One at a time: whoever acknowledges nothing is not told without end.
    if (this.#closed || this.#announced.isUnderWay || window === this.#announced.latest) return
    this.#shiftCredits(this.#sendSettings(window, encodeWindow(window)))
  }

  /** Answers by how much that changes what streams may be sent. */
  #sendSettings(window: number, payload: Buffer): number {
    this.#output.frame(frameType.settings, 0, 0, payload)
    const late = (): void =>
      this.#blame(new ConnectionFault(errorCode.settingsTimeout, 'the peer acknowledges no SETTINGS'))
    this.#settingsTimer = setTimeout(late, settingsLimit).unref()
    return this.#announced.announce(window)
  }

  #shiftCredits(change: number): void {
    if (change === 0) return
    for (const stream of this.#streams.values()) {
      stream.credit += change
      // Whoever has less than nothing left would never send again what makes us grant more.
      if (change < 0) this.#widen(stream)
    }
  }

  #shiftWindows(change: number): void {
    if (change === 0) return
    for (const { stream } of this.#pending) stream.out.window += change
    for (const stream of this.#streams.values()) {
      stream.out.window += change
      if (stream.out.window > largest31) {
        throw new ConnectionFault(errorCode.flowControlError, 'SETTINGS make a window too large')
      }
      this.schedule(stream)
    }
  }

  #widenOutput(increment: number): void {
    if (increment === 0) throw new ConnectionFault(errorCode.protocolError, 'WINDOW_UPDATE by nothing')
    if (this.#output.window + increment > largest31) {
      throw new ConnectionFault(errorCode.flowControlError, 'the connection window is too large')
    }
    this.#output.widen(increment)
  }

  /** Lets the peer send as much as readers have taken. */
  #widen(stream: FrameStream | undefined): void {
    if (this.#closed) return
    this.#window.widen()
    if (stream && !stream.endReceived && this.#has(stream)) {
      this.#window.widenStream(stream, this.#streams.size)
    }
  }

  #endReceived(stream: FrameStream): void {
    // Off the table first, so that a sink that aborts it now sends no reset.
    stream.endReceived = true
    if (stream.out.state === 'ended') this.#remove(stream, undefined)
    stream.receiveEnd()
  }

  #endSent(stream: FrameStream): void {
    if (stream.endReceived && this.#has(stream)) this.#remove(stream, undefined)
    stream.endSent()
  }

  /** Cuts a stream that brought more than there is room for: its windows were given when there was more. */
  #shed(stream: FrameStream): void {
    if (!this.#has(stream)) return
    this.#end.guard?.refused('peer_buffers')
    this.#reset(stream.id, errorCode.enhanceYourCalm)
    const cause = new Error('its bytes have no room: too many wait for readers')
    this.#remove(stream, { cause, unprocessed: false })
    stream.lose(cause)
  }

  /** Answers what the peer did wrong on one stream. */
  #fail(stream: FrameStream, code: ErrorCode, message: string): void {
    this.#end.guard?.wasted()
    this.#reset(stream.id, code)
    const cause = new Error(`the peer broke the protocol: ${message}`)
    this.#remove(stream, { cause, unprocessed: false })
    stream.lose(cause)
  }

  #remove(stream: FrameStream, loss: Loss | undefined): void {
    this.#leave(stream)
    this.#end.gone(stream, loss)
    this.#openPending()
    this.#endIfIdle()
  }

  #lost(stream: FrameStream, loss: Loss): void {
    this.#end.gone(stream, loss)
    stream.lose(loss.cause)
  }

  #openPending(): void {
    while (this.#pending.length > 0 && this.#streams.size < this.#peer.maxConcurrentStreams) {
      const { stream, fields } = this.#pending.shift()!
      stream.id = this.#nextId
      this.#nextId += 2
      stream.credit = stream.window = this.#announced.size
      this.#enter(stream)
      this.#sendHead(stream, fields, false)
      this.schedule(stream)
      // The ids of a connection are used up: nothing more can be opened on it.
      if (this.#nextId > largest31) this.close()
    }
  }

  #sendHead(stream: FrameStream, fields: readonly Field[], endStream: boolean): void {
    const flags = flag.endHeaders | (endStream ? flag.endStream : 0)
    stream.out.headSent = true
    if (endStream) stream.out.state = 'ended'
    this.#output.frame(frameType.headers, flags, stream.id, this.#encoder.encode(fields))
  }

  #reset(streamId: number, code: ErrorCode): void {
    this.#output.wordFrame(frameType.rstStream, streamId, code)
  }

  #sendGoaway(last: number, code: ErrorCode, reason = ''): void {
    const payload = Buffer.alloc(8 + Buffer.byteLength(reason))
    payload.writeUInt32BE(last, 0)
    payload.writeUInt32BE(code, 4)
    payload.write(reason, 8)
    this.#output.frame(frameType.goaway, 0, 0, payload)
  }

  #endIfIdle(): void {
    if (!this.#closing || this.#closed || this.size > 0) return
    // Streams may still be on their way.
    if (this.#end.role === 'server' && this.#accepted === largest31) return
    if (this.#end.role === 'client') this.#sendGoaway(0, errorCode.noError)
    this.#lose(undefined)
  }

  /** The connection is over: tells all streams, and says what is queued as far as the socket still carries it. */
  #lose(cause: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#settingsTimer)
    this.#output.close()
    this.#output.end()
    const loss = cause ?? new Error('the tunnel was closed')
    for (const { stream } of this.#pending.splice(0)) this.#lost(stream, { cause: loss, unprocessed: true })
    for (const stream of this.#streams.values()) {
      this.#leave(stream)
      this.#lost(stream, { cause: loss, unprocessed: false })
    }
    this.#awaitClose(cause === undefined)
    this.#end.closed(cause)
  }

  /** Ends of streams may still be on their way to a slow peer; whoever broke the protocol is not waited for. */
  #awaitClose(patiently: boolean): void {
    const destroy = (): void => void this.#socket.destroy()
    let timer = setTimeout(destroy, patiently ? flushLimit : closeLimit).unref()
    this.#socket.once('finish', () => {
      clearTimeout(timer)
      timer = setTimeout(destroy, closeLimit).unref()
    })
    this.#socket.once('close', () => clearTimeout(timer))
  }
}
