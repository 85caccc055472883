import type { Leg, Sink } from '../../../proxy/leg.ts'

/** What a leg delivered: bytes, then how it ended. */
export class RecordingSink implements Sink {
  readonly pieces: Buffer[] = []
  /** In order: `ended`, `closed`, `aborted`. */
  readonly events: string[] = []
  received = 0
  drains = 0
  cause: Error | undefined
  readonly #waiting = new Set<() => void>()

  /** Reads the leg, from now on. */
  static of(leg: Leg): RecordingSink {
    const sink = new RecordingSink()
    leg.read(sink)
    leg.resume()
    return sink
  }

  get bytes(): Buffer {
    return Buffer.concat(this.pieces)
  }

  data(bytes: Buffer): void {
    this.pieces.push(Buffer.from(bytes))
    this.received += bytes.length
    this.#wake()
  }

  ended(): void {
    this.#happened('ended')
  }

  aborted(cause: Error): void {
    this.cause = cause
    this.#happened('aborted')
  }

  closed(): void {
    this.#happened('closed')
  }

  drained(): void {
    this.drains += 1
    this.#wake()
  }

  async until(met: (sink: this) => boolean): Promise<void> {
    while (!met(this)) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  /** Waits for `ended`, `closed` or `aborted`. */
  happened(event: string): Promise<void> {
    return this.until(() => this.events.includes(event))
  }

  #happened(event: string): void {
    this.events.push(event)
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}
