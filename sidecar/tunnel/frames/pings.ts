/** Waits for the acknowledgements of our own PINGs. */
export class Pings {
  readonly #waiting = new Map<number, () => void>()
  #count = 0

  /** The payload of a PING whose acknowledgement calls `answered`. */
  expect(answered: () => void): Buffer {
    this.#count = (this.#count + 1) >>> 0
    this.#waiting.set(this.#count, answered)
    const payload = Buffer.alloc(8)
    payload.writeUInt32BE(this.#count, 4)
    return payload
  }

  /** Takes an acknowledgement; one that nobody waits for is passed over. */
  answer(payload: Buffer): void {
    const id = payload.readUInt32BE(4)
    const answered = this.#waiting.get(id)
    this.#waiting.delete(id)
    answered?.()
  }
}
