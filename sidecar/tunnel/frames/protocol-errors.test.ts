import { duplexPair } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { errorCode, flag, largest31, preface } from './protocol.ts'
import { serveFrames } from './server.ts'
import { frame, type RawPeer, settings, word } from './testing/raw-peer.ts'
import { RecordingSink } from './testing/recording-sink.ts'
import { served } from './testing/served.ts'

const { protocolError, flowControlError, streamClosed, frameSizeError, compressionError } = errorCode
const { endHeaders, endStream, padded, priority, ack } = flag
type Bytes = (peer: RawPeer) => Buffer[]

const connectionErrors: [what: string, code: number, bytes: Bytes][] = [
  ['DATA on stream 0', protocolError, () => [frame('data', 0, 0, 'x')]],
  ['DATA on an idle stream', protocolError, () => [frame('data', 0, 5, 'x')]],
  ['DATA shorter than its padding', protocolError, () => [frame('data', padded, 1, Buffer.of(9, 1))]],
  ['padded DATA without a byte', frameSizeError, () => [frame('data', padded, 1)]],
  ['a frame that is too large', frameSizeError, () => [frame('data', 0, 1, Buffer.alloc(65_537))]],
  ['HEADERS on stream 0', protocolError, (peer) => [peer.connect(0)]],
  ['HEADERS on an even stream', protocolError, (peer) => [peer.connect(4)]],
  ['HEADERS shorter than their padding', protocolError, () => [frame('headers', 12, 3, Buffer.of(9, 1))]],
  [
    'HEADERS without room for priority',
    frameSizeError,
    () => [frame('headers', endHeaders | priority, 3, 'ab')],
  ],
  [
    'a header block that is no HPACK',
    compressionError,
    () => [frame('headers', endHeaders, 3, Buffer.of(0x80))],
  ],
  ['a CONTINUATION of nothing', protocolError, () => [frame('continuation', endHeaders, 1)]],
  [
    'a CONTINUATION of another stream',
    protocolError,
    (peer) => [peer.connect(3, 'a:1', 0), frame('continuation', endHeaders, 5)],
  ],
  [
    'DATA amid a header block',
    protocolError,
    (peer) => [peer.connect(3, 'a:1', 0), frame('data', 0, 1, 'x')],
  ],
  [
    'SETTINGS amid a header block',
    protocolError,
    (peer) => [peer.connect(3, 'a:1', 0), frame('settings', 0, 0)],
  ],
  [
    'an unknown frame amid a header block',
    protocolError,
    (peer) => [peer.connect(3, 'a:1', 0), frame(99, 0, 0)],
  ],
  ['PRIORITY on stream 0', protocolError, () => [frame('priority', 0, 0, Buffer.alloc(5))]],
  ['RST_STREAM on stream 0', protocolError, () => [frame('rstStream', 0, 0, word(8))]],
  ['RST_STREAM on an idle stream', protocolError, () => [frame('rstStream', 0, 7, word(8))]],
  ['RST_STREAM of three bytes', frameSizeError, () => [frame('rstStream', 0, 1, 'abc')]],
  ['SETTINGS on a stream', protocolError, () => [frame('settings', 0, 1)]],
  ['SETTINGS of five bytes', frameSizeError, () => [frame('settings', 0, 0, 'abcde')]],
  [
    'a SETTINGS acknowledgement with settings',
    frameSizeError,
    () => [frame('settings', ack, 0, settings([1, 1]))],
  ],
  ['ENABLE_PUSH of 2', protocolError, () => [frame('settings', 0, 0, settings([2, 2]))]],
  ['INITIAL_WINDOW_SIZE of 2^31', flowControlError, () => [frame('settings', 0, 0, settings([4, 2 ** 31]))]],
  ['MAX_FRAME_SIZE of 16383', protocolError, () => [frame('settings', 0, 0, settings([5, 16_383]))]],
  ['MAX_FRAME_SIZE of 2^24', protocolError, () => [frame('settings', 0, 0, settings([5, 2 ** 24]))]],
  [
    'SETTINGS that make a window too large',
    flowControlError,
    () => [
      frame('windowUpdate', 0, 1, word(largest31 - 65_535)),
      frame('settings', 0, 0, settings([4, 65_536])),
    ],
  ],
  ['PUSH_PROMISE', protocolError, () => [frame('pushPromise', endHeaders, 1, word(2))]],
  ['PING on a stream', protocolError, () => [frame('ping', 0, 1, Buffer.alloc(8))]],
  ['PING of seven bytes', frameSizeError, () => [frame('ping', 0, 0, Buffer.alloc(7))]],
  ['GOAWAY on a stream', protocolError, () => [frame('goaway', 0, 1, Buffer.alloc(8))]],
  ['GOAWAY of seven bytes', frameSizeError, () => [frame('goaway', 0, 0, Buffer.alloc(7))]],
  ['WINDOW_UPDATE by nothing', protocolError, () => [frame('windowUpdate', 0, 0, word(0))]],
  ['WINDOW_UPDATE of three bytes', frameSizeError, () => [frame('windowUpdate', 0, 1, 'abc')]],
  ['WINDOW_UPDATE on an idle stream', protocolError, () => [frame('windowUpdate', 0, 9, word(1))]],
  [
    'a connection window that is too large',
    flowControlError,
    () => [frame('windowUpdate', 0, 0, word(largest31))],
  ],
]

const streamErrors: [what: string, code: number, bytes: Bytes][] = [
  [
    'a stream window that is too large',
    flowControlError,
    () => [frame('windowUpdate', 0, 1, word(largest31))],
  ],
  ['WINDOW_UPDATE by nothing', protocolError, () => [frame('windowUpdate', 0, 1, word(0))]],
  ['DATA after its end', streamClosed, () => [frame('data', endStream, 1), frame('data', 0, 1, 'x')]],
  ['HEADERS after its end', streamClosed, (peer) => [frame('data', endStream, 1), peer.connect(1)]],
  ['trailers that are not its end', protocolError, () => [frame('headers', endHeaders, 1, Buffer.of(0x90))]],
  ['PRIORITY of four bytes', frameSizeError, () => [frame('priority', 0, 1, Buffer.alloc(4))]],
]

describe('a connection ends at', () => {
  test.each(connectionErrors)('%s', async (_what, code, bytes) => {
    const { peer, ending } = served()
    peer.send(peer.connect(1))
    await peer.settle()
    peer.send(...bytes(peer))
    const goaway = await peer.until(({ type }) => type === 'goaway')
    expect(goaway.payload.readUInt32BE(4)).toBe(code)
    expect(goaway.payload.readUInt32BE(0)).toBe(1)
    expect(ending()).toMatchObject({ name: 'ConnectionFault' })
  })

  test.each([
    ['a preface that is not HTTP/2', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a first frame that is no SETTINGS', Buffer.concat([preface, frame('ping', 0, 0, Buffer.alloc(8))])],
    ['a first SETTINGS that acknowledges', Buffer.concat([preface, frame('settings', ack, 0)])],
  ])('%s', async (_what, bytes) => {
    const { promise: closed, resolve } = Promise.withResolvers<Error | undefined>()
    const [near, far] = duplexPair()
    serveFrames(far, () => {}, { onClosed: resolve })
    near.write(bytes)
    expect(await closed).toMatchObject({ code: protocolError })
  })
})

describe('a stream alone ends at', () => {
  test.each(streamErrors)('%s', async (_what, code, bytes) => {
    const { peer, ending } = served()
    peer.send(peer.connect(1), peer.connect(3))
    await peer.settle()
    peer.send(...bytes(peer))
    const reset = await peer.until(({ type }) => type === 'rstStream')
    expect([reset.streamId, reset.payload.readUInt32BE(0)]).toEqual([1, code])
    await peer.settle()
    expect(ending()).toBe('open')
  })

  test.each([
    ['a CONNECT with a path', [':method: CONNECT', ':authority: a:1', ':path: /']],
    ['a CONNECT without authority', [':method: CONNECT']],
    ['an extended CONNECT', [':method: CONNECT', ':authority: a:1', ':protocol: websocket']],
    ['an upper-case name', [':method: CONNECT', ':authority: a:1', 'X-Name: 1']],
    ['a pseudo field after others', [':method: CONNECT', 'x: 1', ':authority: a:1']],
    ['a pseudo field twice', [':method: CONNECT', ':authority: a:1', ':authority: b:1']],
    ['a connection field', [':method: CONNECT', ':authority: a:1', 'connection: close']],
    ['a value with a line break', [':method: CONNECT', ':authority: a:1', 'x: a\nb']],
    ['no method', [':authority: a:1']],
  ])('%s', async (_what, lines) => {
    const { peer, requests } = served()
    const list = lines.map((line) => {
      const at = line.indexOf(': ')
      return { name: line.slice(0, at), value: line.slice(at + 2) }
    })
    peer.send(frame('headers', endHeaders, 1, peer.encoder.encode(list)))
    const reset = await peer.until(({ type }) => type === 'rstStream')
    expect(reset.payload.readUInt32BE(0)).toBe(protocolError)
    expect(requests).toEqual([])
  })

  test('more data than its window', async () => {
    const { peer, requests, ending } = served((request) => request.accept(), { streamWindow: 65_535 })
    peer.send(peer.connect(1))
    peer.send(frame('data', 0, 1, Buffer.alloc(60_000)), frame('data', 0, 1, Buffer.alloc(60_000)))
    const reset = await peer.until(({ type }) => type === 'rstStream')
    expect(reset.payload.readUInt32BE(0)).toBe(flowControlError)
    const sink = RecordingSink.of(requests[0]!.leg)
    expect(sink.events).toEqual(['aborted'])
    expect(ending()).toBe('open')
  })
})

test('what no stream is harmed by is passed over', async () => {
  const { peer, requests } = served()
  peer.send(peer.connect(1), frame('priority', 0, 1, Buffer.alloc(5)), frame(200, 255, 77, 'whatever'))
  peer.send(frame('settings', 0, 0, settings([0x99, 5])), frame('priority', 0, 9, Buffer.alloc(5)))
  peer.send(frame('data', padded, 1, Buffer.from('\x03abc\0\0\0', 'latin1')))
  peer.send(
    frame('rstStream', 0, 1, word(8)),
    frame('data', 0, 1, 'late'),
    frame('windowUpdate', 0, 1, word(5)),
  )
  peer.send(frame('rstStream', 0, 1, word(8)), peer.connect(1), peer.connect(3))
  await peer.settle()
  expect(requests.length).toBe(2)
})

test('a request that is no CONNECT is answered with 400', async () => {
  const { peer, requests } = served()
  peer.send(frame('headers', endHeaders | endStream, 1, Buffer.of(0x82, 0x86, 0x84)))
  await peer.until(({ type }) => type === 'headers')
  expect(peer.heads).toEqual([{ streamId: 1, fields: [{ name: ':status', value: '400' }] }])
  expect(requests).toEqual([])
})

test('a block in many pieces, with padding and priority, is one request', async () => {
  const { peer, requests } = served()
  const block = peer.connect(1, '10.0.0.9:443').subarray(9)
  const first = Buffer.concat([Buffer.of(2), Buffer.alloc(5), block.subarray(0, 3), Buffer.alloc(2)])
  peer.send(frame('headers', padded | priority, 1, first), frame('continuation', 0, 1, block.subarray(3, 9)))
  peer.send(frame('continuation', 0, 1), frame('continuation', endHeaders, 1, block.subarray(9)))
  await peer.settle()
  expect(requests.map(({ authority }) => authority)).toEqual(['10.0.0.9:443'])
})
