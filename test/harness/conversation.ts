import { createServer, type Server, type Socket } from 'node:net'
import type { End } from './ticks.ts'
import { type Patience, until } from './until.ts'
import type { Workload } from './workload.ts'

/** A workload, or somebody in one. */
export type Dialler = Pick<Workload, 'connect'>

/** One end of a TCP connection in the hands of a test: what came, and how the other side ended it. */
export class Conversation implements Disposable {
  readonly socket: Socket
  readonly #chunks: Buffer[] = []
  #end: End | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => this.#chunks.push(bytes))
    socket.once('end', () => this.#ended('fin'))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#ended(error.code === 'ECONNRESET' ? 'reset' : 'error')
    })
  }

  /** Dials `ip:port` from a workload; resolves once the connection is open. */
  static async dial(from: Dialler, target: string): Promise<Conversation> {
    return new Conversation(await from.connect(target))
  }

  /** Dials what should be refused, and answers how; also when that happens before the connection is open. */
  static async refusal(from: Dialler, target: string): Promise<End> {
    try {
      using conversation = await Conversation.dial(from, target)
      return await conversation.ended()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ECONNRESET') return 'reset'
      throw error
    }
  }

  /** Everything that came so far. */
  get heard(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** How the other side ended its direction; undefined while it has not. */
  get end(): End | undefined {
    return this.#end
  }

  say(bytes: string | Uint8Array): this {
    this.socket.write(bytes)
    return this
  }

  /** Ends this side's direction and goes on listening. */
  finish(bytes?: string): this {
    if (bytes === undefined) this.socket.end()
    else this.socket.end(bytes)
    return this
  }

  /** Cuts the connection with a reset. */
  reset(): void {
    if (!this.socket.destroyed) this.socket.resetAndDestroy()
  }

  /** Resolves with everything that came, once it contains this text; rejects when the other side ends before. */
  async hears(text: string, patience?: Patience): Promise<string> {
    const heard = () => this.heard.toString('latin1')
    const done = () => heard().includes(text) || this.#end !== undefined
    await until(`"${text}" to arrive`, done, patience)
    if (heard().includes(text)) return heard()
    throw new Error(`the other side ended with ${this.#end} after ${JSON.stringify(heard().slice(0, 200))}`)
  }

  /** Resolves with how the other side ended. */
  async ended(patience?: Patience): Promise<End> {
    return await until('the other side to end', () => this.#end, patience)
  }

  /** Leaves nothing half-open behind, which a closed socket alone would. */
  [Symbol.dispose](): void {
    this.reset()
  }

  // A reset behind a FIN is told too: the first end is not always the last word.
  #ended(how: End): void {
    if (this.#end === undefined || how === 'reset') this.#end = how
  }
}

/** An application of the test itself, which takes one conversation after the other. */
export class Listener implements Disposable {
  readonly taken: Conversation[] = []
  readonly #server: Server
  readonly #given = new Set<Conversation>()

  private constructor(answer: (conversation: Conversation) => void) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const conversation = new Conversation(socket)
      this.taken.push(conversation)
      answer(conversation)
    })
  }

  /** Listens on a port of the workload; `answer` is told every conversation as it begins. */
  static async open(
    workload: Workload,
    port: number,
    {
      host = '0.0.0.0',
      answer = () => {},
    }: { readonly host?: string; readonly answer?: (conversation: Conversation) => void } = {},
  ): Promise<Listener> {
    const listener = new Listener(answer)
    await workload.listen(listener.#server, port, host)
    return listener
  }

  /** Resolves with the first conversation that nobody has asked for yet. */
  async next(patience?: Patience): Promise<Conversation> {
    return await this.#give('somebody to connect', () => true, patience)
  }

  /** Resolves with the conversation whose other side said this. */
  async whoSaid(text: string, patience?: Patience): Promise<Conversation> {
    return await this.#give(`somebody to say "${text}"`, ({ heard }) => heard.includes(text), patience)
  }

  /** Frees the port and drops every conversation. */
  [Symbol.dispose](): void {
    this.#server.close()
    for (const conversation of this.taken) conversation[Symbol.dispose]()
  }

  async #give(
    what: string,
    fits: (conversation: Conversation) => boolean,
    patience?: Patience,
  ): Promise<Conversation> {
    const free = () => this.taken.find((one) => !this.#given.has(one) && fits(one))
    const conversation = await until(what, free, patience)
    this.#given.add(conversation)
    return conversation
  }
}

/** Both ends of one connection. */
export interface Pair extends Disposable {
  readonly client: Conversation
  readonly server: Conversation
}

let greetings = 0

/** Dials, and answers both ends of the connection once the client's greeting has arrived at the other one. */
export async function converse(from: Dialler, target: string, listener: Listener): Promise<Pair> {
  const greeting = `greeting ${++greetings}\n`
  const client = (await Conversation.dial(from, target)).say(greeting)
  const arrived = () => listener.taken.some(({ heard }) => heard.includes(greeting))
  await until(`${target} to be reached`, () => arrived() || client.end !== undefined)
  if (!arrived()) throw new Error(`${target} was dialled, and the connection ended with ${client.end}`)
  const server = await listener.whoSaid(greeting)
  return {
    client,
    server,
    [Symbol.dispose]() {
      client[Symbol.dispose]()
      server[Symbol.dispose]()
    },
  }
}
