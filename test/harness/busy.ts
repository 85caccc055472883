import { setTimeout as sleep } from 'node:timers/promises'
import { nextTick, type Tick } from './apps/tick.ts'
import { type Conversation, converse, type Dialler, type Listener } from './conversation.ts'
import type { End } from './ticks.ts'
import { type Patience, until } from './until.ts'

/** A connection that both ends write numbered lines to all the time, and know whether one of the other's was lost. */
export class Busy implements Disposable {
  readonly #ends: readonly [BusyEnd, BusyEnd]

  private constructor(client: Conversation, server: Conversation, interval: number) {
    this.#ends = [new BusyEnd(client, interval), new BusyEnd(server, interval)]
  }

  /** Dials `ip:port` from a workload; each end then writes a line every `interval` milliseconds, 10 by default. */
  static async start(
    from: Dialler,
    target: string,
    listener: Listener,
    { interval = 10 }: { readonly interval?: number } = {},
  ): Promise<Busy> {
    const { client, server } = await converse(from, target, listener)
    // The greeting came before the lines, in this direction only.
    return new Busy(client, server, interval)
  }

  /** Whether lines still pass in both directions. */
  async carries(patience?: Patience): Promise<void> {
    const before = this.#ends.map((end) => end.heard)
    await until(
      'lines to pass in both directions',
      () => this.#ends.some(({ end }) => end) || this.#ends.every((end, n) => end.heard > before[n]! + 2),
      patience,
    )
    const [client, server] = this.#ends
    if (client.end ?? server.end) throw new Error(`it ended: ${client.end} and ${server.end}`)
  }

  /**
   * How both ends saw it end, the client's first, and when the later of them did, by `performance.now()`. Rejects after
   * `timeout` milliseconds, 10 s by default. Asks nothing meanwhile: a test may wait for a thousand of them.
   */
  async cut({ timeout = 10_000 }: Pick<Patience, 'timeout'> = {}) {
    const [client, server] = this.#ends
    const both = Promise.all([client.ended, server.ended])
    const ended = await Promise.race([both, sleep(timeout, undefined, { ref: false })])
    if (!ended) throw new Error(`waited ${timeout / 1_000} s for both ends to be cut`)
    return { ends: [client.end, server.end] as const, at: Math.max(...ended) }
  }

  /** Ends both directions, and rejects unless every line that was written arrived, whole and in order. */
  async finish(patience?: Patience): Promise<number> {
    const [client, server] = this.#ends
    for (const end of this.#ends) end.finish()
    await until('both ends to hear the end', () => client.end && server.end, patience)
    for (const [writer, reader] of [[client, server] as const, [server, client] as const]) {
      if (reader.end !== 'fin') throw new Error(`it ended with ${reader.end}`)
      if (reader.heard !== writer.wrote) {
        throw new Error(`${writer.wrote} lines were written, and ${reader.heard} arrived`)
      }
    }
    return client.heard + server.heard
  }

  [Symbol.dispose](): void {
    for (const end of this.#ends) end[Symbol.dispose]()
  }
}

/** Writes lines and reads the other's. Throws, when asked, for a line that is not the next. */
class BusyEnd implements Disposable {
  readonly #conversation: Conversation
  readonly #timer: NodeJS.Timeout
  #written: Tick = { number: 0, checksum: 0 }
  #read: Tick = { number: 0, checksum: 0 }
  #rest = ''
  #fault: string | undefined
  /** Resolves with when it ended, by `performance.now()`. */
  readonly ended: Promise<number>

  constructor(conversation: Conversation, interval: number) {
    this.#conversation = conversation
    const { socket } = conversation
    socket.on('data', (bytes: Buffer) => this.#take(bytes.toString('latin1')))
    const { promise, resolve } = Promise.withResolvers<number>()
    this.ended = promise
    for (const event of ['end', 'error', 'close']) {
      socket.once(event, () => {
        resolve(performance.now())
        clearInterval(this.#timer)
      })
    }
    this.#timer = setInterval(() => {
      this.#written = nextTick(this.#written)
      conversation.say(`${this.#written.number} ${this.#written.checksum}\n`)
    }, interval)
  }

  get wrote(): number {
    return this.#written.number
  }

  get heard(): number {
    if (this.#fault !== undefined) throw new Error(this.#fault)
    return this.#read.number
  }

  get end(): End | undefined {
    return this.#conversation.end
  }

  finish(): void {
    clearInterval(this.#timer)
    this.#conversation.finish()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#conversation[Symbol.dispose]()
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) {
      const expected = nextTick(this.#read)
      const wanted = `${expected.number} ${expected.checksum}`
      if (line !== wanted) this.#fault ??= `after line ${this.#read.number} came "${line}", not "${wanted}"`
      this.#read = expected
    }
  }
}
