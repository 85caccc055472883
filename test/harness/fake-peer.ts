import { createServer, type TLSSocket } from 'node:tls'
import { ports } from '#mesh/ports.ts'
import { errorCode, flag, largest31 } from '#sidecar/tunnel/frames/protocol.ts'
import { frame, RawPeer, settings, word } from '#sidecar/tunnel/frames/testing/raw-peer.ts'
import { Intruder, type Leaf } from './intruder.ts'
import type { Mesh } from './mesh.ts'
import { type Patience, until } from './until.ts'
import type { Workload } from './workload.ts'

/** One end of a CONNECT stream in the hands of a test, frame by frame. */
export class FakeStream {
  readonly id: number
  readonly #peer: RawPeer
  readonly #socket: TLSSocket

  constructor(socket: TLSSocket, peer: RawPeer, id: number) {
    this.#socket = socket
    this.#peer = peer
    this.id = id
  }

  /** What the other end asked for. */
  get authority(): string | undefined {
    const head = this.#peer.heads.find(({ streamId }) => streamId === this.id)
    return head?.fields?.find(({ name }) => name === ':authority')?.value
  }

  /** Everything that came on it. */
  get heard(): Buffer {
    const frames = this.#peer.seen.filter(({ type, streamId }) => type === 'data' && streamId === this.id)
    return Buffer.concat(frames.map(({ payload }) => payload))
  }

  /** What the other end did, in order: `head`, `bytes` (however many frames), `end`, `reset`. */
  get story(): string[] {
    const words = this.#peer.seen.flatMap(({ type, streamId, flags, payload }) => {
      if (streamId !== this.id) return []
      const end = flags & flag.endStream ? ['end'] : []
      if (type === 'headers') return ['head', ...end]
      if (type === 'data') return [...(payload.length > 0 ? ['bytes'] : []), ...end]
      return type === 'rstStream' ? [payload.readUInt32BE(0) === 0 ? 'reset without an error' : 'reset'] : []
    })
    return words.filter((word, i) => word !== 'bytes' || words[i - 1] !== 'bytes')
  }

  /** Resolves with the story, once it ends with this word. */
  async told(last: string, patience?: Patience): Promise<string[]> {
    return await until(`the story to end with "${last}"`, () => this.story.at(-1) === last && this.story, {
      ...patience,
    }).catch((error: Error) => {
      error.message += `: ${this.story.join(', ')}`
      throw error
    })
  }

  async hears(bytes: string | Buffer, patience?: Patience): Promise<void> {
    await until('the bytes to arrive', () => this.heard.includes(bytes), patience)
  }

  answer(status: number): void {
    const block = this.#peer.encoder.encode([{ name: ':status', value: String(status) }])
    const end = status === 200 ? 0 : flag.endStream
    this.#peer.send(frame('headers', flag.endHeaders | end, this.id, block))
  }

  say(bytes: string | Buffer): this {
    this.#peer.send(frame('data', 0, this.id, bytes))
    return this
  }

  end(bytes = ''): void {
    this.#peer.send(frame('data', flag.endStream, this.id, bytes))
  }

  reset(code: number = errorCode.cancel): void {
    this.#peer.send(frame('rstStream', 0, this.id, word(code)))
  }

  /** GOAWAY: streams behind `last` are not looked at. */
  goAway(last: number, code: number = errorCode.noError): void {
    this.#peer.send(frame('goaway', 0, 0, Buffer.concat([word(last), word(code)])))
  }

  /** The connection under it goes, with a FIN and without a word of TLS or HTTP/2. */
  vanish(): void {
    this.#socket.destroy()
  }
}

/**
 * Somebody in a pod with a certificate of its own, in the place of its sidecar: takes tunnels on 15008 and leaves it
 * to the test what becomes of each stream.
 */
export class FakePeer implements Disposable {
  readonly streams: FakeStream[] = []
  /** Every connection whose handshake came to its end. */
  readonly tunnels: TLSSocket[] = []
  /** Told every stream as its head arrives. */
  react: (stream: FakeStream) => void = () => {}
  readonly #given = new Set<FakeStream>()

  /** `pod` has no sidecar; `leaf` is its own, unless a test wants a wrong one. */
  static async listen(mesh: Mesh, pod: Workload, leaf?: Leaf): Promise<FakePeer> {
    const fake = new FakePeer()
    const own = leaf ?? (await new Intruder(mesh, pod).leaf())
    const server = createServer({
      ...own,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    })
    server.on('tlsClientError', () => {})
    server.on('secureConnection', (socket) => fake.#take(socket))
    await pod.listen(server, ports.hbone)
    return fake
  }

  /** Resolves with the first stream that nobody has asked for yet. */
  async next(patience?: Patience): Promise<FakeStream> {
    const free = () => this.streams.find((one) => !this.#given.has(one))
    const stream = await until('a stream to be opened', free, patience)
    this.#given.add(stream)
    return stream
  }

  /** Drops every tunnel. */
  [Symbol.dispose](): void {
    for (const socket of this.tunnels) socket.destroy()
  }

  #take(socket: TLSSocket): void {
    this.tunnels.push(socket)
    const peer = new RawPeer(socket, 'server')
    greet(peer)
    let known = 0
    let answered = 0
    socket.on('data', () => {
      for (const { streamId } of peer.heads.slice(known)) {
        known += 1
        const stream = new FakeStream(socket, peer, streamId)
        this.streams.push(stream)
        this.react(stream)
      }
      for (const { type, flags, payload } of peer.seen.slice(answered)) {
        answered += 1
        if (type === 'settings' && !(flags & flag.ack)) peer.send(frame('settings', flag.ack, 0))
        if (type === 'ping' && !(flags & flag.ack)) peer.send(frame('ping', flag.ack, 0, payload))
      }
    })
  }
}

/** Opens a tunnel from a pod that has no sidecar, and one stream in it to an address. */
export async function openFakeStream(
  intruder: Intruder,
  leaf: Leaf,
  target: Workload,
  authority: string,
): Promise<FakeStream> {
  const socket = await intruder.handshake(target, { ...leaf })
  const peer = new RawPeer(socket, 'client')
  greet(peer, { preface: false })
  peer.send(peer.connect(1, authority))
  return new FakeStream(socket, peer, 1)
}

/** Room for everything a test sends. */
function greet(peer: RawPeer, { preface = true } = {}): void {
  const initialWindowSize = 4
  if (preface) peer.send(frame('settings', 0, 0, settings([initialWindowSize, 16 * 1024 * 1024])))
  peer.send(frame('windowUpdate', 0, 0, word(largest31 - 65_535)))
}
