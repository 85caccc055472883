/** Smaller pieces are copied together, or each byte of a window could keep a whole chunk of memory alive. */
const smallPiece = 4 * 1024
const blockSize = 16 * 1024

/** Bytes that a paused reader has not taken, in memory that is never far more than they are. */
export class HeldBytes {
  size = 0
  readonly #pieces: Buffer[] = []
  /** The block that small pieces are copied to; its filled part is the last piece. */
  #block: Buffer | undefined
  #filled = 0
  #start = 0

  push(bytes: Buffer): void {
    this.size += bytes.length
    if (bytes.length > smallPiece) {
      this.#block = undefined
      this.#pieces.push(Buffer.from(bytes))
      return
    }
    if (!this.#block || this.#filled + bytes.length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(this.#pieces.length === 0 ? smallPiece : blockSize)
      this.#filled = this.#start = 0
    }
    const grows = this.#filled > this.#start
    bytes.copy(this.#block, this.#filled)
    this.#filled += bytes.length
    const piece = this.#block.subarray(this.#start, this.#filled)
    if (grows) this.#pieces[this.#pieces.length - 1] = piece
    else this.#pieces.push(piece)
  }

  /** The next piece; undefined when there is none. */
  shift(): Buffer | undefined {
    const piece = this.#pieces.shift()
    if (!piece) return undefined
    this.size -= piece.length
    // What was handed out must not grow any more.
    if (this.#pieces.length === 0) this.#start = this.#filled
    return piece
  }
}
