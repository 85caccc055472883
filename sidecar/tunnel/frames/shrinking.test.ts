import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BufferBudget } from '../buffer-budget.ts'
import { framesLayer } from './layer.ts'
import { serveFrames } from './server.ts'
import { framesUnderTest, http2UnderTest, type LayerUnderTest } from './testing/layers.ts'
import { RecordingSink } from './testing/recording-sink.ts'
import { anyDestination, tunnelPair } from './testing/tunnel-pair.ts'

const rounds = 6
const size = 512 * 1024

/** Both ends with this for the process's memory. */
function within(buffers: BufferBudget): LayerUnderTest {
  return {
    ...framesUnderTest,
    layer: (contexts) => framesLayer(contexts, buffers),
    serve(socket, onStream) {
      const session = serveFrames(socket, onStream, { buffers })
      return { close: () => session.close(), cut: () => session.destroy(new Error('cut')) }
    },
  }
}

test('an end gets through where a window was taken back below what was sent, and its neighbour lives', async () => {
  const buffers = new BufferBudget()
  await using pair = await tunnelPair(within(buffers), within(buffers))
  const [upload, neighbour] = [pair.tunnel.open(anyDestination), pair.tunnel.open(anyDestination)]
  const [slow, other] = [await pair.request(), await pair.request()]
  for (const request of [slow, other]) request.accept()
  await Promise.all([upload.reply, neighbour.reply])
  const [near, beside] = [RecordingSink.of(upload.leg), RecordingSink.of(other.leg)]
  // Nobody reads the upload yet.
  upload.leg.write(Buffer.alloc(60_000, 'x'))
  await expect.poll(() => buffers.held).toBe(60_000)
  const elsewhere = buffers.account()
  for (let i = 0; i < 1_500; i++) elsewhere.stream(1)
  await delay(150)
  upload.leg.end()
  neighbour.leg.write(Buffer.from('still here'))
  await beside.until((sink) => sink.received === 10)
  const far = RecordingSink.of(slow.leg)
  await far.until((sink) => sink.received === 60_000)
  slow.leg.end()
  await Promise.all([near.happened('closed'), far.happened('closed')])
  elsewhere.close()
})

// What is told to a peer amid its own data is the hardest part of RFC 9113, 6.9.2, and peers are not all ours.
test.each([
  ['node:http2', 'ours'],
  ['ours', 'node:http2'],
  ['ours', 'ours'],
])(
  'nothing is lost between %s and %s while windows shrink and grow',
  {
    timeout: 60_000,
  },
  async (client, server) => {
    const buffers = new BufferBudget()
    const layer = (name: string) => (name === 'ours' ? within(buffers) : http2UnderTest)
    await using pair = await tunnelPair(layer(client), layer(server))
    const { leg, reply } = pair.tunnel.open(anyDestination)
    const request = await pair.request()
    request.accept()
    await reply
    const [near, far] = [RecordingSink.of(leg), RecordingSink.of(request.leg)]
    const [up, down] = [randomBytes(rounds * size), randomBytes(rounds * size)]
    let elsewhere = buffers.account()
    for (let round = 0; round < rounds; round++) {
      const piece = (bytes: Buffer) => bytes.subarray(round * size, (round + 1) * size)
      leg.write(piece(up))
      request.leg.write(piece(down))
      // Told while they are on their way, and again once they have come.
      elsewhere.close()
      elsewhere = buffers.account()
      for (let i = round % 2 === 0 ? 1_500 : 100; i > 0; i--) elsewhere.stream(1)
      await delay(60)
      const arrived = (sink: RecordingSink) => sink.received === (round + 1) * size
      await Promise.all([near.until(arrived), far.until(arrived)])
    }
    leg.end()
    request.leg.end()
    await Promise.all([near.happened('closed'), far.happened('closed')])
    elsewhere.close()
    const told = [...pair.sent, ...pair.received].filter(({ type, flags }) => type === 'settings' && !flags)
    expect(told.length).toBeGreaterThan(rounds)
    expect(near.bytes.equals(down)).toBe(true)
    expect(far.bytes.equals(up)).toBe(true)
    await expect.poll(() => [buffers.held, buffers.streams]).toEqual([0, 0])
  },
)
