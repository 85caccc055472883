import { createHash } from 'node:crypto'
import type { Leg, Sink } from '../proxy/leg.ts'

/** Reads a leg as a pump does, and keeps what it tells. */
export class Heard implements Sink {
  readonly #leg: Leg
  readonly #hash = createHash('sha256')
  readonly #end = Promise.withResolvers<'fin' | 'reset'>()
  readonly #closed = Promise.withResolvers<'closed' | 'reset'>()
  #wake: (() => void)[] = []
  bytes = 0
  text = ''
  cause: Error | undefined

  constructor(leg: Leg) {
    this.#leg = leg
    leg.read(this)
    leg.resume()
  }

  /** How the reading side ended. */
  get end(): Promise<'fin' | 'reset'> {
    return this.#end.promise
  }

  /** How the whole ended: a reset may follow a FIN. */
  get whole(): Promise<'closed' | 'reset'> {
    return this.#closed.promise
  }

  get sha256(): string {
    return this.#hash.copy().digest('hex')
  }

  /** Resolves once so many bytes have come. */
  async received(bytes: number): Promise<void> {
    while (this.bytes < bytes) await this.#change()
  }

  /** Writes everything in pieces, as fast as the leg takes them. */
  async send(bytes: Buffer, piece = 64 * 1024): Promise<void> {
    for (let sent = 0; sent < bytes.length; sent += piece) {
      if (!this.#leg.write(bytes.subarray(sent, sent + piece))) await this.#change('drained')
    }
  }

  data(bytes: Buffer): void {
    this.bytes += bytes.length
    this.#hash.update(bytes)
    if (this.text.length < 10_000) this.text += bytes.toString('latin1')
    this.#changed()
  }

  ended(): void {
    this.#end.resolve('fin')
  }

  aborted(cause: Error): void {
    this.cause = cause
    this.#end.resolve('reset')
    this.#closed.resolve('reset')
  }

  drained(): void {
    this.#drain.splice(0).forEach((wake) => wake())
  }

  closed(): void {
    this.#closed.resolve('closed')
  }

  readonly #drain: (() => void)[] = []

  #change(of: 'bytes' | 'drained' = 'bytes'): Promise<void> {
    return new Promise((resolve) => (of === 'bytes' ? this.#wake : this.#drain).push(resolve))
  }

  #changed(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const wake of waiting) wake()
  }
}
