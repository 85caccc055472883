import type { Leg, Sink } from '../proxy/leg.ts'

/** A leg without a connection: what is written to it can be looked at, what it tells is up to the test. */
export class FakeLeg implements Leg {
  readonly #written: Buffer[] = []
  #sink: Sink | undefined
  /** Whether `write` asks its caller to go on. */
  takes = true
  paused = true
  fin = false
  aborted: Error | undefined

  get text(): string {
    return Buffer.concat(this.#written).toString('latin1')
  }

  get sink(): Sink {
    if (!this.#sink) throw new Error('nobody reads this leg')
    return this.#sink
  }

  read(sink: Sink): void {
    this.#sink = sink
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  write(bytes: Buffer): boolean {
    if (!this.fin && !this.aborted) this.#written.push(bytes)
    return this.takes
  }

  end(): void {
    this.fin = true
  }

  abort(cause: Error): void {
    this.aborted ??= cause
  }

  /** Tells its reader of bytes. */
  says(text: string | Buffer): void {
    this.sink.data(Buffer.from(text))
  }
}
