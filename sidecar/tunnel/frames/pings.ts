import { randomBytes } from 'node:crypto'

/** Waits for the acknowledgements of our own PINGs. */
export class Pings {
  readonly #waiting = new Map<string, () => void>()

  /** The payload of a PING whose acknowledgement calls `answered`. It cannot be guessed, only read. */
  expect(answered: () => void): Buffer {
    const payload = randomBytes(8)
    this.#waiting.set(payload.toString('latin1'), answered)
    return payload
  }

  /** Takes an acknowledgement; one that nobody waits for is passed over. */
  answer(payload: Buffer): void {
    const id = payload.toString('latin1')
    const answered = this.#waiting.get(id)
    this.#waiting.delete(id)
    answered?.()
  }
}
