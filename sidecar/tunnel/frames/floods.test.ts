import { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { HpackEncoder } from './hpack/encoder.ts'
import { errorCode, flag, preface } from './protocol.ts'
import { serveFrames } from './server.ts'
import { frame, settings, word } from './testing/raw-peer.ts'
import { RecordingSink } from './testing/recording-sink.ts'
import { served } from './testing/served.ts'

describe('a flood is answered with ENHANCE_YOUR_CALM:', () => {
  test.each([
    ['PING', frame('ping', 0, 0, Buffer.alloc(8))],
    ['SETTINGS', frame('settings', 0, 0, settings([3, 100]))],
    ['empty DATA', frame('data', 0, 1)],
    ['PRIORITY', frame('priority', 0, 1, Buffer.alloc(5))],
    ['unknown frames', frame(77, 0, 0)],
    ['WINDOW_UPDATE by a byte', frame('windowUpdate', 0, 1, word(1))],
    ['WINDOW_UPDATE by a byte for the connection', frame('windowUpdate', 0, 0, word(1))],
  ])('%s', async (_what, bytes) => {
    const { peer } = served()
    peer.send(peer.connect(1), ...Array<Buffer>(2_000).fill(bytes))
    const goaway = await peer.until(({ type }) => type === 'goaway')
    expect(goaway.payload.readUInt32BE(4)).toBe(errorCode.enhanceYourCalm)
  })

  test('CONTINUATION without end', async () => {
    const { peer } = served()
    peer.send(peer.connect(1, 'a:1', 0), ...Array<Buffer>(50).fill(frame('continuation', 0, 1, 'x')))
    const goaway = await peer.until(({ type }) => type === 'goaway')
    expect(goaway.payload.readUInt32BE(4)).toBe(errorCode.enhanceYourCalm)
  })

  test('a header block of a megabyte', async () => {
    const { peer } = served()
    const piece = frame('continuation', 0, 1, Buffer.alloc(16_000))
    peer.send(peer.connect(1, 'a:1', 0), ...Array<Buffer>(10).fill(piece))
    const goaway = await peer.until(({ type }) => type === 'goaway')
    expect(goaway.payload.readUInt32BE(4)).toBe(errorCode.enhanceYourCalm)
  })
})

test('resets without end refuse streams and never end the connection', async () => {
  const { peer, requests, ending } = served()
  peer.send(peer.connect(1))
  await peer.settle()
  const steady = RecordingSink.of(requests[0]!.leg)
  let id = 1
  for (let batch = 0; batch < 30; batch++) {
    const frames: Buffer[] = []
    for (let i = 0; i < 500; i++) {
      id += 2
      frames.push(peer.connect(id), frame('rstStream', 0, id, word(8)))
    }
    peer.send(...frames, frame('data', 0, 1, 'tick'))
    await peer.settle()
  }
  const refused = peer.seen.filter(({ type, payload }) => type === 'rstStream' && payload[3] === 7)
  expect(refused.length).toBeGreaterThan(1_000)
  expect(steady.received).toBe(30 * 4)
  expect(ending()).toBe('open')
})

test('streams above the limit are refused, and room is used again', async () => {
  const { peer, requests } = served((request) => request.accept(), { maxConcurrentStreams: 2 })
  peer.send(peer.connect(1), peer.connect(3), peer.connect(5))
  const reset = await peer.until(({ type }) => type === 'rstStream')
  expect([reset.streamId, reset.payload.readUInt32BE(0)]).toEqual([5, errorCode.refusedStream])
  peer.send(frame('rstStream', 0, 1, word(8)), peer.connect(7))
  await peer.settle()
  expect(requests.length).toBe(3)
})

test('a peer that reads no answers is cut before they fill memory', async () => {
  const { promise: closed, resolve } = Promise.withResolvers<Error | undefined>()
  // Takes nothing of what is written to it.
  const socket = new Duplex({ read() {}, write() {} })
  serveFrames(socket, (request) => request.accept(), { onClosed: resolve })
  const encoder = new HpackEncoder()
  const refused = Array.from({ length: 120_000 }, (_, i) => {
    const block = encoder.encode([
      { name: ':method', value: 'CONNECT' },
      { name: ':authority', value: 'a:1' },
    ])
    return frame('headers', flag.endHeaders, 2 * i + 1, block)
  })
  socket.push(Buffer.concat([preface, frame('settings', 0, 0), ...refused]))
  expect(await closed).toMatchObject({ message: 'the peer reads no answers' })
})

test('a list of headers above the limit costs its stream only', async () => {
  const { peer, ending } = served()
  const field = { name: 'x-large', value: 'v'.repeat(3_000) }
  const request = [{ name: ':method', value: 'CONNECT' }, { name: ':authority', value: 'a:1' }, field]
  peer.send(frame('headers', flag.endHeaders, 1, peer.encoder.encode(request)))
  peer.send(
    frame('headers', flag.endHeaders, 3, peer.encoder.encode(Array.from({ length: 1_000 }, () => field))),
  )
  const reset = await peer.until(({ type }) => type === 'rstStream')
  expect(reset.streamId).toBe(3)
  await peer.settle()
  expect(ending()).toBe('open')
})
