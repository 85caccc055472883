import { expect, test } from 'vitest'
import { BufferBudget } from '../buffer-budget.ts'
import { PeerBudget } from '../peer-budgets.ts'
import { AnnouncedWindow } from './announced-window.ts'
import { errorCode, flag } from './protocol.ts'
import { frame, type RawPeer } from './testing/raw-peer.ts'
import { RecordingSink } from './testing/recording-sink.ts'
import { served } from './testing/served.ts'

const kibi = 1024
const initialWindowSize = 4

/** The initial windows that our SETTINGS have told the peer of, in KiB. */
function announced(peer: RawPeer): number[] {
  return peer.seen.flatMap(({ type, flags, payload }) => {
    if (type !== 'settings' || flags & flag.ack) return []
    const entries = Array.from({ length: payload.length / 6 }, (_, i) => payload.subarray(i * 6, i * 6 + 6))
    return entries
      .filter((entry) => entry.readUInt16BE(0) === initialWindowSize)
      .map((entry) => entry.readUInt32BE(2) / kibi)
  })
}

/** What a stream was granted by WINDOW_UPDATE, in KiB. */
function granted(peer: RawPeer, id: number): number {
  const updates = peer.seen.filter(({ type, streamId }) => type === 'windowUpdate' && streamId === id)
  return updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0) / kibi
}

/** Sends so many KiB on a stream. */
function pour(peer: RawPeer, id: number, size: number): void {
  for (let sent = 0; sent < size; sent += 16) peer.send(frame('data', 0, id, Buffer.alloc(16 * kibi)))
}

test('a peer is told less when many streams share the memory, and more when they are gone', async () => {
  const buffers = new BufferBudget()
  const { peer } = served(undefined, {}, buffers)
  const acknowledge = () => peer.send(frame('settings', flag.ack, 0))
  acknowledge()
  await peer.settle()
  const elsewhere = buffers.account()
  for (let i = 0; i < 1_000; i++) elsewhere.stream(1)
  await expect.poll(() => announced(peer)).toEqual([256, 16])
  acknowledge()
  elsewhere.close()
  await expect.poll(() => announced(peer)).toEqual([256, 16, 256])
})

test('what was allowed before holds until the peer has heard of less', async () => {
  const buffers = new BufferBudget()
  const { peer, requests, session } = served(undefined, {}, buffers)
  peer.send(frame('settings', flag.ack, 0), peer.connect(1), peer.connect(3))
  await peer.settle()
  const elsewhere = buffers.account()
  for (let i = 0; i < 1_000; i++) elsewhere.stream(1)
  await expect.poll(() => announced(peer)).toEqual([256, 16])
  pour(peer, 1, 256)
  await peer.settle()
  expect(session.heldSize).toBe(256 * kibi)
  peer.send(frame('settings', flag.ack, 0))
  pour(peer, 3, 32)
  const reset = await peer.until(({ type }) => type === 'rstStream')
  expect([reset.streamId, reset.payload.readUInt32BE(0)]).toEqual([3, errorCode.flowControlError])
  // The first stream may go on once its reader has taken what it was sent beyond its new window.
  const sink = RecordingSink.of(requests[0]!.leg)
  expect(sink.received).toBe(256 * kibi)
  await peer.settle()
  pour(peer, 1, 16)
  await peer.settle()
  expect(sink.received).toBe(272 * kibi)
})

test('a reader that keeps up is trusted with more, a slow one is not', async () => {
  const { peer, requests } = served()
  peer.send(frame('settings', flag.ack, 0), peer.connect(1), peer.connect(3))
  await peer.settle()
  RecordingSink.of(requests[0]!.leg)
  let sent = 0
  for (let i = 0; i < 20; i++, sent += 128) pour(peer, 1, 128)
  pour(peer, 3, 128)
  await peer.settle()
  expect(granted(peer, 1)).toBeGreaterThan(sent + 512)
  expect(granted(peer, 1)).toBeLessThanOrEqual(sent + 1_024 - 256)
  expect(granted(peer, 3)).toBe(0)
})

test('data on its way out counts against the budget until the socket has taken it', async () => {
  const { peer, requests, buffers } = served()
  peer.send(peer.connect(1))
  await peer.settle()
  const { leg } = requests[0]!
  // The peer allows 64 KiB, so the rest waits.
  leg.write(Buffer.alloc(200 * kibi))
  await peer.settle()
  expect(buffers.held).toBeGreaterThanOrEqual(136 * kibi)
  expect(buffers.held).toBeLessThan(300 * kibi)
  leg.abort(new Error('no more'))
  await peer.settle()
  expect(buffers.held).toBe(0)
})

test('a writer is asked to wait the earlier, the more streams there are', async () => {
  const buffers = new BufferBudget()
  const { peer, requests } = served(undefined, {}, buffers)
  peer.send(peer.connect(1))
  await peer.settle()
  const { leg } = requests[0]!
  leg.write(Buffer.alloc(64 * kibi))
  expect(leg.write(Buffer.alloc(20 * kibi))).toBe(true)
  const elsewhere = buffers.account()
  for (let i = 0; i < 1_000; i++) elsewhere.stream(1)
  expect(leg.write(Buffer.alloc(1))).toBe(false)
})

test('streams wait for their answer until they have it, or are gone', async () => {
  const guard = new PeerBudget({ resetBurst: 9, resetsPerSecond: 1, pendingDials: 2, bufferedBytes: 1e9 })
  const { peer, requests } = served(() => {}, {}, undefined, guard)
  peer.send(peer.connect(1), peer.connect(3), peer.connect(5))
  const refused = await peer.until(({ type }) => type === 'rstStream')
  expect([refused.streamId, refused.payload.readUInt32BE(0)]).toEqual([5, errorCode.refusedStream])
  requests[0]!.accept()
  peer.send(frame('rstStream', 0, 3, Buffer.from([0, 0, 0, 8])), peer.connect(7), peer.connect(9))
  await peer.settle()
  expect(requests).toHaveLength(4)
  expect(guard.refusal()).toBe('pending_dials')
})

test('a window that was announced counts upwards at once, and downwards when it is taken', () => {
  const window = new AnnouncedWindow()
  expect(window.size).toBe(65_535)
  expect([window.announce(262_144), window.size]).toEqual([196_609, 262_144])
  expect([window.taken(), window.size]).toEqual([0, 262_144])
  expect([window.announce(16_384), window.size, window.latest]).toEqual([0, 262_144, 16_384])
  expect(window.isUnderWay).toBe(true)
  expect([window.taken(), window.size]).toEqual([-245_760, 16_384])
  expect([window.taken(), window.size]).toEqual([0, 16_384])
})
