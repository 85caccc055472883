import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { BufferBudget } from '../buffer-budget.ts'
import { PeerBudget } from '../peer-budgets.ts'
import { HeldBytes } from './held-bytes.ts'
import { errorCode, flag } from './protocol.ts'
import { frame, settings, word } from './testing/raw-peer.ts'
import { RecordingSink } from './testing/recording-sink.ts'
import { served } from './testing/served.ts'

const kibibyte = 1_024

/** Data that a server sent on a stream, in bytes. */
function sentOn(peer: ReturnType<typeof served>['peer'], streamId: number): number {
  const frames = peer.seen.filter((seen) => seen.type === 'data' && seen.streamId === streamId)
  return frames.reduce((sum, { payload }) => sum + payload.length, 0)
}

test('slow readers keep no more than the connection window', async () => {
  const connectionWindow = 1_024 * kibibyte
  const { peer, session, requests } = served((request) => request.accept(), { connectionWindow })
  let allowed = connectionWindow
  const ids = Array.from({ length: 20 }, (_, i) => 2 * i + 1)
  peer.send(...ids.map((id) => peer.connect(id)))
  for (const id of ids) {
    const size = Math.min(allowed, 200 * kibibyte)
    for (let left = size; left > 0; left -= 16_000) {
      peer.send(frame('data', 0, id, Buffer.alloc(Math.min(left, 16_000))))
    }
    allowed -= size
  }
  await peer.settle()
  expect(session.heldSize).toBe(connectionWindow)
  expect(peer.seen.filter(({ type, streamId }) => type === 'windowUpdate' && streamId === 0).length).toBe(1)

  const sinks = requests.map(({ leg }) => RecordingSink.of(leg))
  expect(sinks.reduce((sum, { received }) => sum + received, 0)).toBe(connectionWindow)
  expect(session.heldSize).toBe(0)
  await peer.settle()
  expect(peer.seen.filter(({ type, streamId }) => type === 'windowUpdate' && streamId === 0).length).toBe(2)
})

test('more than the connection window ends the connection', async () => {
  const { peer } = served((request) => request.accept(), { connectionWindow: 65_535, streamWindow: 65_535 })
  peer.send(peer.connect(1), peer.connect(3))
  peer.send(frame('data', 0, 1, Buffer.alloc(60_000)), frame('data', 0, 3, Buffer.alloc(6_000)))
  const goaway = await peer.until(({ type }) => type === 'goaway')
  expect(goaway.payload.readUInt32BE(4)).toBe(errorCode.flowControlError)
})

test('an aborted stream gives back what its reader had not taken', async () => {
  const { peer, session, requests } = served()
  peer.send(peer.connect(1), frame('data', 0, 1, Buffer.alloc(50_000)))
  await peer.settle()
  expect(session.heldSize).toBe(50_000)
  requests[0]!.leg.abort(new Error('not wanted'))
  expect(session.heldSize).toBe(0)
})

test('data that comes one byte at a time is kept in memory of about its size', () => {
  const held = new HeldBytes()
  for (let i = 0; i < 300; i++) {
    held.push(Buffer.alloc(16_384, 7).subarray(5, 6))
  }
  expect(held.size).toBe(300)
  const pieces: Buffer[] = []
  for (let piece = held.shift(); piece; piece = held.shift()) pieces.push(piece)
  expect(pieces.length).toBe(1)
  expect(pieces[0]!.equals(Buffer.alloc(300, 7))).toBe(true)
  expect(pieces[0]!.buffer.byteLength).toBeLessThanOrEqual(4_096)
})

test('bytes that are kept come out as they went in, however they are mixed', () => {
  const step = fc.oneof(
    fc.record({ size: fc.integer({ min: 1, max: 9_000 }) }),
    fc.constant('shift' as const),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const held = new HeldBytes()
      const [put, got]: [Buffer[], Buffer[]] = [[], []]
      for (const [i, one] of steps.entries()) {
        const bytes = one === 'shift' ? held.shift() : Buffer.alloc(one.size, i)
        if (one === 'shift') got.push(Buffer.from(bytes ?? ''))
        else {
          held.push(bytes!)
          put.push(bytes!)
        }
      }
      for (let piece = held.shift(); piece; piece = held.shift()) got.push(piece)
      expect(held.size).toBe(0)
      expect(Buffer.concat(got).equals(Buffer.concat(put))).toBe(true)
    }),
    { numRuns: 300 },
  )
})

test('sends no more than the peer takes, and goes on when it takes more', async () => {
  const { peer, requests } = served()
  peer.send(frame('settings', 0, 0, settings([4, 1_000])), peer.connect(1))
  await peer.settle()
  const { leg } = requests[0]!
  const sink = RecordingSink.of(leg)
  leg.write(Buffer.alloc(3_000))
  await peer.settle()
  await peer.settle()
  expect(sentOn(peer, 1)).toBe(1_000)
  peer.send(frame('windowUpdate', 0, 1, word(500)))
  await peer.settle()
  await peer.settle()
  expect(sentOn(peer, 1)).toBe(1_500)
  // The peer may even take back what it allowed: then nothing goes until that is made up for.
  peer.send(frame('settings', 0, 0, settings([4, 0])), frame('windowUpdate', 0, 1, word(1_000)))
  await peer.settle()
  await peer.settle()
  expect(sentOn(peer, 1)).toBe(1_500)
  leg.end()
  peer.send(frame('settings', 0, 0, settings([4, 65_535])))
  await peer.until(({ type, flags }) => type === 'data' && (flags & flag.endStream) !== 0)
  expect(sentOn(peer, 1)).toBe(3_000)
  peer.send(frame('data', flag.endStream, 1))
  await sink.happened('closed')
})

test('an end passes while the connection window is closed', async () => {
  const { peer, requests } = served()
  peer.send(frame('settings', 0, 0, settings([4, 1_000_000])), peer.connect(1), peer.connect(3))
  await peer.settle()
  requests[0]!.leg.write(Buffer.alloc(100_000))
  requests[1]!.leg.end()
  await peer.until(({ type, streamId }) => type === 'data' && streamId === 3)
  await peer.settle()
  expect(sentOn(peer, 1)).toBe(65_535)
  peer.send(frame('windowUpdate', 0, 0, word(100_000)))
  await peer.settle()
  await peer.settle()
  expect(sentOn(peer, 1)).toBe(100_000)
})

test('asks a writer to wait at the high-water mark, and wakes it below', async () => {
  const { peer, requests } = served((request) => request.accept(), { highWaterMark: 10_000 })
  peer.send(frame('settings', 0, 0, settings([4, 0])), peer.connect(1))
  await peer.settle()
  const { leg } = requests[0]!
  const sink = RecordingSink.of(leg)
  expect(leg.write(Buffer.alloc(9_999))).toBe(true)
  expect(leg.write(Buffer.alloc(1))).toBe(false)
  peer.send(frame('windowUpdate', 0, 1, word(4_000)))
  await peer.settle()
  await peer.settle()
  expect(sink.drains).toBe(0)
  peer.send(frame('windowUpdate', 0, 1, word(1_000)))
  await sink.until(({ drains }) => drains === 1)
})

test('an end needs no window: it goes out as nothing but itself where the window is below nothing', async () => {
  const { peer, requests, ending } = served()
  peer.send(frame('settings', 0, 0, settings([4, 1_000])), peer.connect(1), peer.connect(3))
  await peer.settle()
  requests[0]!.leg.write(Buffer.alloc(500, 'x'))
  await peer.settle()
  // 500 bytes less than nothing.
  peer.send(frame('settings', 0, 0, settings([4, 0])))
  await peer.settle()
  peer.seen.length = 0
  requests[0]!.leg.end()
  const end = await peer.until(({ type }) => type === 'data')
  expect([end.streamId, end.flags & flag.endStream, end.payload.length]).toEqual([1, flag.endStream, 0])
  // What comes behind it in the same connection is in its place.
  peer.send(frame('windowUpdate', 0, 3, word(1_000)))
  requests[1]!.leg.write(Buffer.from('in its place'))
  const behind = await peer.until(({ type, streamId }) => type === 'data' && streamId === 3)
  expect(behind.payload.toString()).toBe('in its place')
  expect(ending()).toBe('open')
})

test('a peer that fills windows of before is cut stream by stream, at twice of what it may keep', async () => {
  const buffers = new BufferBudget(4 * 1_024 * kibibyte)
  const refused: string[] = []
  const limits = { resetBurst: 9, resetsPerSecond: 1, pendingDials: 999, bufferedBytes: 1_024 * kibibyte }
  const guard = new PeerBudget(limits, (reason) => void refused.push(reason))
  // Nobody reads, and no SETTINGS that would make the windows smaller are acknowledged.
  const { peer, session, ending } = served((request) => request.accept(), {}, buffers, guard)
  const ids = Array.from({ length: 40 }, (_, i) => 2 * i + 1)
  peer.send(...ids.map((id) => peer.connect(id)))
  await peer.settle()
  const piece = Buffer.alloc(16 * kibibyte)
  for (const id of ids) {
    for (let i = 0; i < 15; i++) peer.send(frame('data', 0, id, piece))
    await peer.settle()
    expect(guard.held).toBeLessThanOrEqual(2 * limits.bufferedBytes + piece.length)
  }
  const resets = peer.seen.filter(({ type }) => type === 'rstStream')
  expect(new Set(resets.map(({ payload }) => payload.readUInt32BE(0)))).toEqual(
    new Set([errorCode.enhanceYourCalm]),
  )
  expect(resets.length).toBeGreaterThan(20)
  expect(refused).toEqual(resets.map(() => 'peer_buffers'))
  expect(session.heldSize).toBe(guard.held)
  expect(ending()).toBe('open')
})

test('a peer that acknowledges no SETTINGS is told no others, and given up after 20 s', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const buffers = new BufferBudget()
    const { peer, ending } = served((request) => request.accept(), {}, buffers)
    for (const streams of [1_000, 10, 2_000]) {
      const elsewhere = buffers.account()
      for (let i = 0; i < streams; i++) elsewhere.stream(1)
      vi.advanceTimersByTime(100)
      await peer.settle()
      elsewhere.close()
    }
    const told = peer.seen.filter(({ type, flags }) => type === 'settings' && !(flags & flag.ack))
    expect(told).toHaveLength(1)
    vi.advanceTimersByTime(20_000)
    const goaway = await peer.until(({ type }) => type === 'goaway')
    expect(goaway.payload.readUInt32BE(4)).toBe(errorCode.settingsTimeout)
    expect(ending()).toMatchObject({ message: 'the peer acknowledges no SETTINGS' })
  } finally {
    vi.useRealTimers()
  }
})

test('once SETTINGS are acknowledged, those of now follow', async () => {
  const buffers = new BufferBudget()
  const { peer } = served((request) => request.accept(), {}, buffers)
  const elsewhere = buffers.account()
  for (let i = 0; i < 1_000; i++) elsewhere.stream(1)
  await peer.settle()
  peer.send(frame('settings', flag.ack, 0))
  const told = (seen: (typeof peer.seen)[number]) => seen.type === 'settings' && !(seen.flags & flag.ack)
  await peer.until((seen) => told(seen) && peer.seen.filter(told).length === 2)
  expect(peer.seen.filter(told)[1]!.payload).toEqual(settings([4, 16 * kibibyte]))
  elsewhere.close()
})
