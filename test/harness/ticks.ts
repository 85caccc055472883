import type { Socket } from 'node:net'
import { nextTick, type Tick } from './apps/tick.ts'
import { type Patience, until } from './until.ts'

export type End = 'fin' | 'reset' | 'error'

/** Reads the stream of `apps/ticker.ts` and knows whether a byte of it was lost. */
export class Ticks implements Disposable {
  readonly socket: Socket
  #last: Tick = { number: 0, checksum: 0 }
  #rest = ''
  #fault: string | undefined
  #end: { readonly how: End; readonly at: number } | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    socket.once('end', () => this.#ended('fin'))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      this.#ended(error.code === 'ECONNRESET' ? 'reset' : 'error')
    })
  }

  /** How many lines came, all of them in order and whole. Throws when one was lost or changed. */
  get count(): number {
    if (this.#fault !== undefined) throw new Error(this.#fault)
    return this.#last.number
  }

  /** How the stream ended, and when by `performance.now()`; undefined while it lives. */
  get end(): { readonly how: End; readonly at: number } | undefined {
    return this.#end
  }

  /** Waits for `more` further lines; rejects when the stream ends or has a fault first. */
  async more(more = 3, patience?: Patience): Promise<void> {
    const goal = this.count + more
    const reached = await until(
      `line ${goal} of the ticker`,
      () => this.#end !== undefined || this.#fault !== undefined || this.count >= goal,
      patience,
    )
    if (!reached || this.count < goal)
      throw new Error(`the stream ended (${this.#end?.how}) at ${this.count}`)
  }

  async ended(patience?: Patience): Promise<{ readonly how: End; readonly at: number }> {
    return await until('the stream to end', () => this.#end, patience)
  }

  /** Cuts the connection, so that the ticker's end of it goes too. */
  [Symbol.dispose](): void {
    if (!this.socket.destroyed) this.socket.resetAndDestroy()
  }

  #ended(how: End): void {
    this.#end ??= { how, at: performance.now() }
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      const expected = nextTick(this.#last)
      const wanted = `${expected.number} ${expected.checksum}`
      if (line !== wanted) this.#fault ??= `after line ${this.#last.number} came "${line}", not "${wanted}"`
      this.#last = expected
    }
  }
}
