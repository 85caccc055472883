/** What one stream has to send: bytes in order, then perhaps its end. */
export class Outgoing {
  /** Bytes that the peer's window allows now; below 0 after the peer made its windows smaller. */
  window: number
  /** Bytes that wait. */
  waiting = 0
  /** Whether its HEADERS were sent: nothing may go before them. */
  headSent = false
  state: 'open' | 'ending' | 'ended' = 'open'
  /** Whether it stands in the output's round. */
  scheduled = false
  /** Whether a writer was asked to wait. */
  blocked = false
  #chunks: Buffer[] = []
  #first = 0
  /** Where the first chunk goes on. */
  #offset = 0

  constructor(window: number) {
    this.window = window
  }

  /** Whether a frame of it could go out if the connection's window allows. */
  get sendable(): boolean {
    if (!this.headSent || this.state === 'ended') return false
    return this.waiting > 0 ? this.window > 0 : this.state === 'ending'
  }

  push(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.waiting += bytes.length
  }

  /** Copies the next `size` bytes, of those that wait, to `target`. */
  take(target: Buffer, at: number, size: number): void {
    this.waiting -= size
    this.window -= size
    let to = at
    let left = size
    while (left > 0) {
      const chunk = this.#chunks[this.#first]!
      const part = Math.min(left, chunk.length - this.#offset)
      chunk.copy(target, to, this.#offset, this.#offset + part)
      to += part
      left -= part
      this.#offset += part
      if (this.#offset === chunk.length) this.#dropFirst()
    }
  }

  clear(): void {
    this.#chunks = []
    this.#first = 0
    this.#offset = 0
    this.waiting = 0
  }

  #dropFirst(): void {
    this.#offset = 0
    this.#first += 1
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0
      this.#first = 0
      return
    }
    if (this.#first >= 64) {
      this.#chunks.splice(0, this.#first)
      this.#first = 0
    }
  }
}
