import { defaultWindow } from './protocol.ts'

/**
 * What a peer may believe that each of its new streams may be sent. Our SETTINGS change it: upwards at once, since the
 * peer may act on them before we hear of it; downwards once the peer has acknowledged them (RFC 9113, 6.9.2).
 */
export class AnnouncedWindow {
  #taken = defaultWindow
  readonly #underWay: number[] = []

  /** The largest that the peer may go by, in bytes. */
  get size(): number {
    return this.#underWay.length === 0 ? this.#taken : Math.max(this.#taken, ...this.#underWay)
  }

  /** What was announced last, in bytes. */
  get latest(): number {
    return this.#underWay.at(-1) ?? this.#taken
  }

  /** SETTINGS with this window were sent. Answers by how much `size` has changed. */
  announce(window: number): number {
    return this.#changed(() => this.#underWay.push(window))
  }

  /** The earliest SETTINGS under way were acknowledged; an acknowledgement of none is passed over. */
  taken(): number {
    return this.#changed(() => {
      this.#taken = this.#underWay.shift() ?? this.#taken
    })
  }

  #changed(change: () => void): number {
    const before = this.size
    change()
    return this.size - before
  }
}
