import { setImmediate } from 'node:timers/promises'
import { ConnectionFault } from '#sidecar/tunnel/frames/connection-fault.ts'
import { FrameParser } from '#sidecar/tunnel/frames/frame-parser.ts'
import { HpackDecoder } from '#sidecar/tunnel/frames/hpack/decoder.ts'
import { HpackEncoder } from '#sidecar/tunnel/frames/hpack/encoder.ts'
import { parseRequest, parseStatus } from '#sidecar/tunnel/frames/message.ts'
import { flag, nameOfError, preface } from '#sidecar/tunnel/frames/protocol.ts'
import { frame, settings, word } from '#sidecar/tunnel/frames/testing/raw-peer.ts'
import { served } from '#sidecar/tunnel/frames/testing/served.ts'
import { check, type Target } from '../target.ts'

const request = [
  { name: ':method', value: 'CONNECT' },
  { name: ':authority', value: '10.0.0.1:80' },
]
const head = new HpackEncoder().encode(request)

/** Some frames of every kind, as bytes. */
const frames = [
  frame('settings', 0, 0, settings([3, 100], [4, 65_535])),
  frame('settings', flag.ack, 0),
  frame('headers', flag.endHeaders, 1, head),
  frame('headers', 0, 3, head.subarray(0, 2)),
  frame('continuation', flag.endHeaders, 3, head.subarray(2)),
  frame('data', 0, 1, 'some bytes'),
  frame('data', flag.padded, 1, Buffer.from('\x03abc\0\0\0', 'latin1')),
  frame('data', flag.endStream, 1),
  frame('windowUpdate', 0, 0, word(100_000)),
  frame('rstStream', 0, 1, word(8)),
  frame('ping', 0, 0, Buffer.alloc(8, 7)),
  frame('priority', 0, 1, Buffer.alloc(5)),
  frame('goaway', 0, 0, Buffer.alloc(8)),
  frame(99, 0, 0, 'unknown'),
]

/** The parser alone: however its input is cut, it tells the same. */
const frameParser: Target = {
  name: 'frame-parser',
  seeds: () => [Buffer.concat(frames), ...frames],
  words: frames,
  run(input) {
    const whole = told([input])
    const cut = (input[0] ?? 0) % Math.max(input.length, 1)
    check(whole === told([input.subarray(0, cut), input.subarray(cut)]), 'cutting the input changes nothing')
    return whole.slice(whole.lastIndexOf('\n') + 1).split(' ')[0]!
  },
}

/** What a parser tells of some chunks, a line for each frame. */
function told(chunks: readonly Buffer[]): string {
  const lines: string[] = ['nothing']
  let data = 0
  const parser = new FrameParser(
    {
      dataHead: (id, length, end) => void lines.push(`data ${id} ${length} ${end}`),
      dataBytes: (bytes) => {
        data += bytes.length
      },
      dataPadding: (length) => {
        data -= length
      },
      dataEnd: (end) => void lines.push(`end ${end} ${data}`),
      frame: (type, flags, id, payload) => {
        lines.push(`frame-${type} ${flags} ${id} ${payload.toString('hex')}`)
      },
      unknownFrame: () => void lines.push('unknown'),
    },
    64 * 1024,
  )
  try {
    for (const chunk of chunks) parser.feed(chunk)
  } catch (error) {
    if (!(error instanceof ConnectionFault)) throw error
    lines.push(nameOfError(error.code))
  }
  return lines.join('\n')
}

/** A whole accepting end: whatever comes, it holds no more than its windows, and nothing of it is left behind. */
const connection: Target = {
  name: 'connection',
  seeds: () => [
    Buffer.concat([preface, ...frames.slice(0, 9)]),
    Buffer.concat([preface, ...frames]),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  ],
  words: [preface, ...frames],
  async run(input) {
    const connectionWindow = 200_000
    const { peer, session, buffers, ending } = served((asked) => asked.accept(), {
      connectionWindow,
      streamWindow: 70_000,
    })
    // Our own peer has sent its preface already.
    peer.send(input.subarray(0, preface.length).equals(preface) ? input.subarray(preface.length) : input)
    await setImmediate()
    await setImmediate()
    check(buffers.held >= session.heldSize, 'what is held is accounted for')
    check(session.heldSize >= 0 && session.heldSize <= connectionWindow, 'it holds no more than its window')
    const end = ending()
    session.destroy(new Error('over'))
    check(session.streams === 0 && session.heldSize === 0, 'nothing is left of a connection that is over')
    if (end === 'open') return 'open'
    return end instanceof ConnectionFault ? nameOfError(end.code) : 'closed'
  },
}

/** Header blocks: what is decoded is bounded, and means the same once encoded again. */
const headerBlock: Target = {
  name: 'header-block',
  seeds: () => [
    head,
    new HpackEncoder().encode([...request, { name: 'traceparent', value: '00-0af7651916cd43dd-01' }]),
    new HpackEncoder().encode([{ name: ':status', value: '200' }]),
    Buffer.from('3fe11f8286', 'hex'),
    Buffer.concat([Buffer.from('407801', 'hex'), Buffer.from('v'), Buffer.alloc(1_000, 0xbe)]),
  ],
  words: [head, Buffer.from([0x3f, 0xe1, 0x1f]), Buffer.from([0xbe]), Buffer.from([0x7f, 0xff, 0xff, 0x7f])],
  run(input) {
    const limit = 16 * 1024
    const decoder = new HpackDecoder(4_096, limit)
    try {
      const fields = decoder.decode(input)
      if (!fields) return 'too-many'
      const size = fields.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0)
      check(size <= limit, 'a decoded list is within its limit')
      const again = new HpackDecoder(4_096, limit).decode(new HpackEncoder().encode(fields))
      check(JSON.stringify(again) === JSON.stringify(fields), 'encoding and decoding changes nothing')
      const asked = parseRequest(fields)
      return asked
        ? asked.method === 'CONNECT'
          ? 'connect'
          : 'other-method'
        : parseStatus(fields)
          ? 'status'
          : 'malformed'
    } catch (error) {
      if (error instanceof ConnectionFault) return nameOfError(error.code)
      throw error
    }
  },
}

export const tunnelTargets = [frameParser, connection, headerBlock]
