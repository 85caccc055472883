import type { Duplex } from 'node:stream'
import { FrameParser } from '../frame-parser.ts'
import { HpackDecoder } from '../hpack/decoder.ts'
import { HpackEncoder } from '../hpack/encoder.ts'
import type { Field } from '../hpack/static-table.ts'
import { flag, frameType, headSize, preface } from '../protocol.ts'

/** A frame as a test sees it. */
export interface SeenFrame {
  readonly type: keyof typeof frameType
  readonly streamId: number
  readonly flags: number
  readonly payload: Buffer
}

/** The bytes of one frame. */
export function frame(
  type: keyof typeof frameType | number,
  flags: number,
  streamId: number,
  payload: Buffer | string = '',
): Buffer {
  const body = Buffer.from(payload as string)
  const bytes = Buffer.alloc(headSize + body.length)
  bytes.writeUIntBE(body.length, 0, 3)
  bytes[3] = typeof type === 'number' ? type : frameType[type]
  bytes[4] = flags
  bytes.writeUInt32BE(streamId, 5)
  body.copy(bytes, headSize)
  return bytes
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A SETTINGS payload. */
export function settings(...entries: readonly (readonly [id: number, value: number])[]): Buffer {
  return Buffer.concat(
    entries.map(([id, value]) => {
      const bytes = Buffer.alloc(6)
      bytes.writeUInt16BE(id)
      bytes.writeUInt32BE(value, 2)
      return bytes
    }),
  )
}

/** Collects the frames of a stream of bytes. DATA comes in whole frames too. */
export function frameCollector(onFrame: (frame: SeenFrame) => void): (bytes: Buffer) => void {
  const names = Object.keys(frameType) as (keyof typeof frameType)[]
  let data: Buffer[] = []
  let dataId = 0
  const parser = new FrameParser(
    {
      dataHead(streamId) {
        dataId = streamId
        data = []
      },
      dataBytes: (bytes) => void data.push(Buffer.from(bytes)),
      dataPadding: () => {},
      dataEnd(endStream) {
        const flags = endStream ? flag.endStream : 0
        onFrame({ type: 'data', streamId: dataId, flags, payload: Buffer.concat(data) })
      },
      frame(type, flags, streamId, payload) {
        onFrame({ type: names[type]!, streamId, flags, payload: Buffer.from(payload) })
      },
      unknownFrame: () => {},
    },
    // No end of ours sends larger frames; what is no frame at all mostly claims to be one.
    64 * 1024,
  )
  return (bytes) => parser.feed(bytes)
}

/** One end of a connection that sends whatever a test likes, and remembers what comes back. */
export class RawPeer {
  readonly seen: SeenFrame[] = []
  readonly encoder = new HpackEncoder()
  readonly decoder = new HpackDecoder(4_096, 64 * 1024)
  /** What each header block that came held. */
  readonly heads: { readonly streamId: number; readonly fields: readonly Field[] | undefined }[] = []
  ended = false
  readonly #socket: Duplex
  readonly #waiting = new Set<() => void>()

  constructor(socket: Duplex, role: 'client' | 'server') {
    this.#socket = socket
    let prefaceLeft = role === 'server' ? preface.length : 0
    const collect = frameCollector((seen) => {
      this.seen.push(seen)
      if (seen.type === 'headers') {
        this.heads.push({ streamId: seen.streamId, fields: this.decoder.decode(seen.payload) })
      }
      this.#wake()
    })
    socket.on('data', (bytes: Buffer) => {
      const passed = Math.min(prefaceLeft, bytes.length)
      prefaceLeft -= passed
      collect(bytes.subarray(passed))
    })
    socket.on('error', () => {})
    const gone = (): void => {
      this.ended = true
      this.#wake()
    }
    socket.on('end', gone)
    socket.on('close', gone)
    if (role === 'client') this.send(preface, frame('settings', 0, 0))
  }

  send(...bytes: readonly Buffer[]): void {
    if (!this.#socket.writableEnded) this.#socket.write(Buffer.concat(bytes))
  }

  /** HEADERS of a CONNECT. */
  connect(streamId: number, authority = '10.0.0.1:80', flags: number = flag.endHeaders): Buffer {
    const block = this.encoder.encode([
      { name: ':method', value: 'CONNECT' },
      { name: ':authority', value: authority },
    ])
    return frame('headers', flags, streamId, block)
  }

  /** Waits until a frame has come that matches, and answers it. */
  async until(matches: (seen: SeenFrame) => boolean): Promise<SeenFrame> {
    for (;;) {
      const found = this.seen.find(matches)
      if (found) return found
      if (this.ended) throw new Error(`the connection ended after ${JSON.stringify(this.seen.map(describe))}`)
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  /** A round trip: everything that was sent before it has been handled, and its answers have come. */
  async settle(): Promise<void> {
    const id = Buffer.alloc(8)
    id.writeDoubleBE(Math.random())
    this.send(frame('ping', 0, 0, id))
    await this.until(({ type, payload }) => type === 'ping' && payload.equals(id))
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

/** A frame in a line, as tests compare them. */
export function describe({ type, streamId, flags, payload }: SeenFrame): string {
  const end = (type === 'data' || type === 'headers') && flags & flag.endStream ? ' END_STREAM' : ''
  const code = type === 'rstStream' ? ` ${payload.readUInt32BE(0)}` : ''
  return `${type} ${streamId}${code}${end}`
}
