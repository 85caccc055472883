import type { Socket } from 'node:net'
import { afterReads } from './after-reads.ts'
import { giveBlock, takeBlock } from './blocks.ts'
import { unwatch, watchInKernel } from './kernel-sweep.ts'
import type { Leg, Sink } from './leg.ts'
import { closeInOrder, closeWithReset } from './linger.ts'
import { readShared } from './shared-reads.ts'

/** Bytes of one write at most: pieces of one turn of the event loop go out together. */
const blockSize = 64 * 1024
/** What is smaller keeps no block while it is written; Node's own pool has it. In bytes. */
const worthBlock = 4 * 1024

/** A TCP connection as a Leg. The socket must allow half-open connections. */
export function socketLeg(socket: Socket): Leg {
  return new SocketLeg(socket)
}

class SocketLeg implements Leg {
  readonly #socket: Socket
  #sink: Sink | undefined
  /** What the connection has come to: told again to every new sink. */
  #state: 'open' | 'ended' | 'closed' | { readonly cause: Error } = 'open'
  #wroteEnd = false
  #lastError: Error | undefined
  /** What the next write takes, and how much of it is filled. */
  #block: Buffer | undefined
  #filled = 0
  /** Blocks that the kernel has not taken whole, oldest first. */
  readonly #writing: Buffer[] = []
  #hasRoom = true

  constructor(socket: Socket) {
    this.#socket = socket
    closeWithReset(socket)
    socket.on('error', (error) => {
      this.#lastError = error
    })
    socket.on('end', () => {
      if (socket.writableFinished) closeInOrder(socket)
      this.#become('ended')
      this.#watch()
    })
    socket.on('finish', () => {
      if (this.#state === 'ended') closeInOrder(socket)
    })
    socket.on('drain', () => {
      this.#hasRoom = true
      this.#sink?.drained()
    })
    socket.on('close', () => {
      unwatch(socket)
      const whole = this.#state === 'ended' && socket.writableFinished
      this.#become(whole ? 'closed' : { cause: this.#lastError ?? new Error('the connection was reset') })
    })
  }

  read(sink: Sink): void {
    const first = this.#sink === undefined
    this.#sink = sink
    if (first) readShared(this.#socket, (bytes) => this.#sink!.data(bytes))
    const state = this.#state
    if (state === 'open') return
    if (typeof state === 'object') return sink.aborted(state.cause)
    sink.ended()
    if (state === 'closed') sink.closed()
  }

  pause(): void {
    this.#socket.pause()
    this.#watch()
  }

  resume(): void {
    if (this.#state !== 'ended') unwatch(this.#socket)
    this.#socket.resume()
  }

  write(bytes: Buffer): boolean {
    let from = 0
    while (from < bytes.length) {
      if (!this.#block) {
        this.#block = takeBlock(blockSize)
        afterReads(this.#flush)
      }
      const copied = bytes.copy(this.#block, this.#filled, from)
      this.#filled += copied
      from += copied
      if (this.#filled === blockSize) this.#flush()
    }
    return this.#hasRoom
  }

  end(): void {
    if (this.#wroteEnd) return
    this.#wroteEnd = true
    this.#flush()
    if (this.#socket.writable) this.#socket.end()
  }

  abort(cause: Error): void {
    this.#become({ cause })
    if (!this.#socket.destroyed) this.#socket.resetAndDestroy()
  }

  readonly #flush = (): void => {
    const block = this.#block
    if (!block) return
    const bytes = block.subarray(0, this.#filled)
    this.#block = undefined
    this.#filled = 0
    // A write after the peer's reset has nobody to reach; the abort is on its way to the sink.
    if (!this.#socket.writable) return giveBlock(block)
    if (bytes.length > worthBlock) {
      this.#writing.push(block)
      this.#hasRoom = this.#socket.write(bytes, this.#written)
    } else {
      this.#hasRoom = this.#socket.write(Buffer.from(bytes))
      giveBlock(block)
    }
  }

  readonly #written = (error?: Error | null): void => {
    const block = this.#writing.shift()
    // Where the write failed, the kernel may still be reading it.
    if (block && !error) giveBlock(block)
  }

  #become(next: 'ended' | 'closed' | { readonly cause: Error }): void {
    if (typeof this.#state === 'object' || this.#state === 'closed') return
    this.#state = next
    const sink = this.#sink
    if (!sink) return
    if (typeof next === 'object') sink.aborted(next.cause)
    else if (next === 'ended') sink.ended()
    else sink.closed()
  }

  /** Of a socket that is not read, or has been read to its end, Node tells no reset. */
  #watch(): void {
    const socket = this.#socket
    watchInKernel(socket, () => {
      // Closed also means that both have sent FIN, and then there may be bytes that nobody has read yet.
      if (this.#state === 'ended' || !socket.writableEnded) {
        this.abort(new Error('the peer reset the connection'))
      }
    })
  }
}
