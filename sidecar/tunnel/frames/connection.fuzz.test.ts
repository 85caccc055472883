import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { frameType } from './protocol.ts'
import { frame, settings, word } from './testing/raw-peer.ts'
import { served } from './testing/served.ts'

const types = Object.keys(frameType) as (keyof typeof frameType)[]
const streamId = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(1, 3, 5, 7) },
  fc.constantFrom(0, 2, 2 ** 31 - 1),
)
const head = fc.constantFrom('connect', 'trailers', 'garbage')

/** Frames that mostly make sense, in an order that mostly does not. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('head' as const),
      streamId,
      head,
      flags: fc.integer({ min: 0, max: 255 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('data' as const),
      streamId,
      size: fc.nat(30_000),
      flags: fc.constantFrom(0, 0, 0, 1, 8, 9),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('word' as const),
      streamId,
      type: fc.constantFrom('rstStream' as const, 'windowUpdate' as const),
      word: fc.nat(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('settings' as const),
      id: fc.integer({ min: 1, max: 6 }),
      value: fc.constantFrom(0, 1, 100, 16_384, 65_535, 1e6),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('any' as const),
      type: fc.constantFrom(...types),
      streamId,
      flags: fc.integer({ min: 0, max: 255 }),
      payload: fc.uint8Array({ maxLength: 40 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('leg' as const),
      which: fc.nat(5),
      act: fc.constantFrom('write', 'little', 'end', 'abort', 'pause', 'resume', 'reject', 'accept', 'close'),
    }),
  },
)

test('any frames in any order leave a connection that holds its promises', async () => {
  const connectionWindow = 300_000
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { peer, session, requests, buffers } = served(
        ({ leg }) => {
          leg.read({
            data: () => {},
            ended: () => {},
            aborted: () => {},
            drained: () => {},
            closed: () => {},
          })
        },
        { connectionWindow, streamWindow: 70_000 },
      )
      for (const one of steps) {
        if (one.kind === 'leg') {
          const request = requests[one.which % Math.max(requests.length, 1)]
          if (one.act === 'close') session.close()
          else if (!request) continue
          else if (one.act === 'write') request.leg.write(Buffer.alloc(50_000))
          else if (one.act === 'little') request.leg.write(Buffer.alloc(500))
          else if (one.act === 'abort') request.leg.abort(new Error('aborted'))
          else if (one.act === 'reject') request.reject(503)
          else if (one.act === 'accept') request.accept()
          else request.leg[one.act]()
        } else {
          peer.send(bytesOf(peer, one))
          await setImmediate()
        }
        expect(session.heldSize).toBeGreaterThanOrEqual(0)
        expect(session.heldSize).toBeLessThanOrEqual(connectionWindow)
        expect(buffers.held).toBeGreaterThanOrEqual(session.heldSize)
        expect(buffers.streams).toBe(session.streams)
      }
      for (let i = 0; i < 5; i++) await setImmediate()
      session.destroy(new Error('the test is over'))
      expect([session.streams, session.heldSize]).toEqual([0, 0])
      for (let i = 0; i < 5; i++) await setImmediate()
      expect([buffers.streams, buffers.held]).toEqual([0, 0])
      // Nothing went out but what was written, which is zeros.
      for (const { type, payload } of peer.seen) if (type === 'data') expect(payload.every(isZero)).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('any bytes at all are answered with an end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 10 }), async (chunks) => {
      const { peer, session } = served()
      for (const chunk of chunks) peer.send(Buffer.from(chunk))
      for (let i = 0; i < 5; i++) await setImmediate()
      session.destroy(new Error('the test is over'))
    }),
    { numRuns: 500 },
  )
})

const isZero = (byte: number): boolean => byte === 0

function bytesOf(
  peer: ReturnType<typeof served>['peer'],
  one: Exclude<typeof step extends fc.Arbitrary<infer T> ? T : never, { kind: 'leg' }>,
): Buffer {
  switch (one.kind) {
    case 'head':
      if (one.head === 'connect') return peer.connect(one.streamId, '10.0.0.1:80', one.flags | 4)
      return frame('headers', one.flags, one.streamId, one.head === 'trailers' ? Buffer.of(0x90) : 'garbage')
    case 'data':
      return frame('data', one.flags, one.streamId, Buffer.alloc(one.size, 3))
    case 'word':
      return frame(one.type, 0, one.streamId, word(one.word))
    case 'settings':
      return frame('settings', 0, 0, settings([one.id, one.value]))
    case 'any':
      return frame(one.type, one.flags, one.streamId, Buffer.from(one.payload))
  }
}
