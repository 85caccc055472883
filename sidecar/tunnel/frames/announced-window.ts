import { defaultWindow } from './protocol.ts'

/**
 * What a peer may believe that each of its new streams may be sent. Our SETTINGS change it: upwards at once, since the
 * peer may act on them before we hear of it; downwards once the peer has acknowledged them (RFC 9113, 6.9.2).
 */
export class AnnouncedWindow {
  #taken = defaultWindow
  #underWay: number | undefined

  /** The largest that the peer may go by, in bytes. */
  get size(): number {
    return Math.max(this.#taken, this.#underWay ?? 0)
  }

  /** What was announced last, in bytes. */
  get latest(): number {
    return this.#underWay ?? this.#taken
  }

  /** Whether the peer has yet to acknowledge what was announced; nothing more is to be announced until then. */
  get isUnderWay(): boolean {
    return this.#underWay !== undefined
  }

  /** SETTINGS with this window were sent. Answers by how much `size` has changed. */
  announce(window: number): number {
    const before = this.size
    this.#underWay = window
    return this.size - before
  }

  /** The SETTINGS under way were acknowledged; an acknowledgement of none is passed over. */
  taken(): number {
    const before = this.size
    this.#taken = this.latest
    this.#underWay = undefined
    return this.size - before
  }
}
