import type { Leg, Sink } from '../../proxy/leg.ts'
import { HeldBytes } from './held-bytes.ts'
import { Outgoing } from './outgoing.ts'

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly highWaterMark: number
  /** The stream has something to send: the bytes go out with the next write, or are copied to wait for it. */
  write(stream: FrameStream, bytes: Buffer): void
  /** The stream may have something to send. */
  schedule(stream: FrameStream): void
  /** A paused reader keeps so many bytes more, or less, than before. */
  held(stream: FrameStream, change: number): void
  /** What waits to be sent takes so many bytes of memory more, or less. */
  queued(change: number): void
  /** The stream was cut on this side. */
  cancel(stream: FrameStream): void
}

type State =
  | 'open'
  /** The reader was told of the peer's FIN. */
  | 'ended'
  | 'closed'
  | { readonly cause: Error }

/** One CONNECT stream: the Leg that the proxy sees, and what its connection tells it. */
export class FrameStream implements Leg {
  /** 0 until it is opened. */
  id = 0
  readonly out: Outgoing
  /** Bytes that the peer may still send; below 0 where its window was made smaller. */
  credit: number
  /** What its reader is trusted with, in bytes: it grows while the reader keeps up. */
  window: number
  /** The peer sent END_STREAM. */
  endReceived = false
  /** The peer's first HEADERS have come. */
  headReceived = false
  readonly #host: StreamHost
  #sink: Sink | undefined
  #paused = false
  #held: HeldBytes | undefined
  #state: State = 'open'

  constructor(host: StreamHost, sendWindow: number, credit: number) {
    this.#host = host
    this.out = new Outgoing(sendWindow)
    this.credit = this.window = credit
  }

  /** Bytes that wait for the reader. */
  get heldSize(): number {
    return this.#held?.size ?? 0
  }

  read(sink: Sink): void {
    this.#sink = sink
    if (typeof this.#state === 'object') return sink.aborted(this.#state.cause)
    if (this.#state !== 'open') sink.ended()
    if (this.#state === 'closed') return sink.closed()
    this.#deliver()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#deliver()
  }

  write(bytes: Buffer): boolean {
    const { out } = this
    // After a reset there is nobody to reach; the abort is told to the sink.
    if (out.state !== 'open') return true
    const { memory } = out
    this.#host.write(this, bytes)
    if (out.memory !== memory) this.#host.queued(out.memory - memory)
    if (out.waiting < this.#host.highWaterMark) return true
    out.blocked = true
    return false
  }

  end(): void {
    if (this.out.state !== 'open') return
    this.out.state = 'ending'
    this.#host.schedule(this)
  }

  abort(cause: Error): void {
    if (this.#state === 'closed' || typeof this.#state === 'object') return
    this.#host.cancel(this)
    this.lose(cause)
  }

  /** Takes a piece of DATA. */
  receive(bytes: Buffer): void {
    if (typeof this.#state === 'object') return
    if (this.#sink && !this.#paused && !this.#held) return this.#sink.data(bytes)
    this.#held ??= new HeldBytes()
    this.#held.push(bytes)
    this.#host.held(this, bytes.length)
  }

  /** Takes END_STREAM. */
  receiveEnd(): void {
    this.endReceived = true
    this.#deliver()
  }

  /** Something of it was sent. */
  sent(): void {
    if (!this.out.blocked || this.out.waiting * 2 > this.#host.highWaterMark) return
    this.out.blocked = false
    this.#sink?.drained()
  }

  /** Its END_STREAM was sent. */
  endSent(): void {
    if (this.#state === 'ended') this.#close()
  }

  /** Ends it for good with an abort, whoever caused it. */
  lose(cause: Error): void {
    if (this.#state === 'closed' || typeof this.#state === 'object') return
    this.#state = { cause }
    this.out.state = 'ended'
    this.#host.queued(-this.out.memory)
    this.out.clear()
    const held = this.heldSize
    this.#held = undefined
    if (held > 0) this.#host.held(this, -held)
    this.#sink?.aborted(cause)
  }

  #deliver(): void {
    while (this.#held && this.#sink && !this.#paused) {
      const bytes = this.#held.shift()
      if (!bytes) this.#held = undefined
      else {
        this.#host.held(this, -bytes.length)
        this.#sink.data(bytes)
      }
    }
    if (!this.endReceived || this.#state !== 'open' || this.#held || !this.#sink) return
    this.#state = 'ended'
    this.#sink.ended()
    // The sink may have aborted meanwhile.
    if (this.out.state === 'ended' && this.#stillEnded()) this.#close()
  }

  #stillEnded(): boolean {
    return this.#state === 'ended'
  }

  #close(): void {
    this.#state = 'closed'
    this.#sink?.closed()
  }
}
