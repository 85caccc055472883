import { giveBlock, takeBlock } from '../../proxy/blocks.ts'

/** In bytes: what a socket is read by. */
const largestBlock = 64 * 1024

/** What one stream has to send: bytes in order, then perhaps its end. */
export class Outgoing {
  /** Bytes that the peer's window allows now; below 0 after the peer made its windows smaller. */
  window: number
  /** Bytes that wait. */
  waiting = 0
  /** Bytes of memory that they take, which is more. */
  memory = 0
  /** Whether its HEADERS were sent: nothing may go before them. */
  headSent = false
  state: 'open' | 'ending' | 'ended' = 'open'
  /** Whether it stands in the output's round. */
  scheduled = false
  /** Whether a writer was asked to wait. */
  blocked = false
  readonly #blocks: Buffer[] = []
  /** Where the bytes of the first block begin, and those of the last end. */
  #start = 0
  #end = 0

  constructor(window: number) {
    this.window = window
  }

  /** Whether a frame of it could go out if the connection's window allows. */
  get sendable(): boolean {
    if (!this.headSent || this.state === 'ended') return false
    return this.waiting > 0 ? this.window > 0 : this.state === 'ending'
  }

  /** Keeps a copy of the bytes. */
  push(bytes: Buffer): void {
    let from = 0
    while (from < bytes.length) {
      const last = this.#blocks.at(-1)
      if (!last || this.#end === last.length) {
        const block = takeBlock(Math.min(bytes.length - from, largestBlock))
        this.#blocks.push(block)
        this.memory += block.length
        this.#end = 0
        continue
      }
      const copied = bytes.copy(last, this.#end, from)
      this.#end += copied
      from += copied
    }
    this.waiting += bytes.length
  }

  /** Copies the next `size` bytes, of those that wait, to `target`. */
  take(target: Buffer, at: number, size: number): void {
    this.waiting -= size
    let to = at
    while (to < at + size) {
      const first = this.#blocks[0]!
      const end = this.#blocks.length === 1 ? this.#end : first.length
      const copied = first.copy(target, to, this.#start, Math.min(end, this.#start + at + size - to))
      to += copied
      this.#start += copied
      if (this.#start === end) this.#dropFirst()
    }
  }

  clear(): void {
    for (const block of this.#blocks.splice(0)) giveBlock(block)
    this.#start = 0
    this.waiting = this.memory = 0
  }

  #dropFirst(): void {
    const block = this.#blocks.shift()!
    this.memory -= block.length
    giveBlock(block)
    this.#start = 0
  }
}
