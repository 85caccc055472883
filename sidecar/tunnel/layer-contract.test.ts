import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Leg } from '../proxy/leg.ts'
import { layersUnderTest, listenTls } from './frames/testing/layers.ts'
import { describe as describeFrame, frame, RawPeer, type SeenFrame, word } from './frames/testing/raw-peer.ts'
import { RecordingSink } from './frames/testing/recording-sink.ts'
import {
  anyDestination,
  clientContexts,
  dial,
  freshAddress,
  serverContexts,
  type TunnelPair,
  tunnelPair,
} from './frames/testing/tunnel-pair.ts'
import type { Tunnel } from './tunnel.ts'

const pairs = layersUnderTest.flatMap((client) => layersUnderTest.map((server) => ({ client, server })))

describe.each(pairs)('a tunnel of $client.name to $server.name', ({ client, server }) => {
  /** A stream that is open, both ends of it. */
  async function openStream(pair: TunnelPair): Promise<{ near: Leg; far: Leg }> {
    const { leg, reply } = pair.tunnel.open(anyDestination)
    const request = await pair.request()
    request.accept()
    expect(await reply).toEqual({ kind: 'connected' })
    return { near: leg, far: request.leg }
  }

  test('asks for a destination and is connected', async () => {
    await using pair = await tunnelPair(client, server)
    const { reply } = pair.tunnel.open(anyDestination)
    const request = await pair.request()
    expect(request.authority).toBe('10.0.0.1:80')
    expect(pair.tunnel.streams).toBe(1)
    request.accept()
    expect(await reply).toEqual({ kind: 'connected' })
  })

  test.each([400, 401, 503] as const)('is answered with %i', async (status) => {
    await using pair = await tunnelPair(client, server)
    const { leg, reply } = pair.tunnel.open(anyDestination)
    leg.write(Buffer.from('sent before the answer'))
    const request = await pair.request()
    request.reject(status)
    expect(await reply).toEqual({ kind: 'status', status })
    leg.abort(new Error('refused'))
    await eventually(() => pair.tunnel.streams === 0)
    expect(pair.tunnel.usable).toBe(true)
  })

  test('carries what is sent before the answer, in the first write', async () => {
    await using pair = await tunnelPair(client, server)
    const { leg } = pair.tunnel.open(anyDestination)
    leg.write(Buffer.from('hello'))
    const request = await pair.request()
    const far = RecordingSink.of(request.leg)
    await far.until(({ received }) => received === 5)
    request.accept()
    expect(far.bytes.toString()).toBe('hello')
  })

  test('carries bytes both ways, whole and in order', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    const [up, down] = [randomBytes(3_000_000), randomBytes(2_000_000)]
    const [nearSink, farSink] = [RecordingSink.of(near), RecordingSink.of(far)]
    await Promise.all([writeAll(near, nearSink, up), writeAll(far, farSink, down)])
    await Promise.all([nearSink.happened('closed'), farSink.happened('closed')])
    expect(digest(farSink.bytes)).toBe(digest(up))
    expect(digest(nearSink.bytes)).toBe(digest(down))
    await eventually(() => pair.tunnel.streams === 0)
  })

  test('ends towards the server while the answer goes on', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    const [nearSink, farSink] = [RecordingSink.of(near), RecordingSink.of(far)]
    near.write(Buffer.from('question'))
    near.end()
    await farSink.happened('ended')
    expect(farSink.bytes.toString()).toBe('question')
    expect(nearSink.events).toEqual([])
    far.write(Buffer.from('answer'))
    far.end()
    await nearSink.happened('closed')
    expect(nearSink.bytes.toString()).toBe('answer')
    expect(nearSink.events).toEqual(['ended', 'closed'])
    await farSink.happened('closed')
  })

  test('ends towards the client while the question goes on', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    const [nearSink, farSink] = [RecordingSink.of(near), RecordingSink.of(far)]
    far.end()
    await nearSink.happened('ended')
    near.write(Buffer.from('still talking'))
    near.end()
    await farSink.happened('closed')
    expect(farSink.bytes.toString()).toBe('still talking')
    await nearSink.happened('closed')
  })

  test('aborts towards the server with a reset and no end', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    const farSink = RecordingSink.of(far)
    near.write(Buffer.from('half a'))
    await farSink.until(({ received }) => received === 6)
    near.abort(new Error('the application reset'))
    await farSink.happened('aborted')
    expect(farSink.events).toEqual(['aborted'])
    expect(endings(pair.sent)).toEqual([expect.stringMatching(/^rstStream 1 [1-9]/)])
  })

  test('aborts towards the client with a reset and no end', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    const nearSink = RecordingSink.of(near)
    far.write(Buffer.from('half a'))
    await nearSink.until(({ received }) => received === 6)
    far.abort(new Error('the application reset'))
    await nearSink.happened('aborted')
    expect(nearSink.events).toEqual(['aborted'])
    expect(endings(pair.received)).toEqual([expect.stringMatching(/^rstStream 1 [1-9]/)])
    await eventually(() => pair.tunnel.streams === 0)
  })

  test('aborts after one way has ended', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    const [nearSink, farSink] = [RecordingSink.of(near), RecordingSink.of(far)]
    near.end()
    await farSink.happened('ended')
    near.abort(new Error('the application reset after its FIN'))
    await farSink.happened('aborted')
    expect(farSink.events).toEqual(['ended', 'aborted'])
    expect(nearSink.events).toEqual(['aborted'])
  })

  test('makes the writer wait for a slow reader, and others do not wait', async () => {
    await using pair = await tunnelPair(client, server)
    const slow = await openStream(pair)
    const brisk = await openStream(pair)
    slow.far.read(new RecordingSink())
    slow.far.pause()
    const slowNear = RecordingSink.of(slow.near)
    let written = 0
    const chunk = Buffer.alloc(16 * 1024, 1)
    for (let waits = 0; waits < 20; ) {
      written += chunk.length
      if (slow.near.write(chunk)) continue
      const woken = await Promise.race([slowNear.until(() => false), pause(20)])
      expect(woken).toBeUndefined()
      waits += 1
      if (written > 4 * 1024 * 1024) break
    }
    expect(written).toBeLessThan(4 * 1024 * 1024)

    const [briskNear, briskFar] = [RecordingSink.of(brisk.near), RecordingSink.of(brisk.far)]
    await Promise.all([
      writeAll(brisk.near, briskNear, Buffer.alloc(2_000_000)),
      writeAll(brisk.far, briskFar),
    ])
    await briskFar.happened('closed')
    expect(briskFar.received).toBe(2_000_000)

    const late = RecordingSink.of(slow.far)
    slow.near.end()
    await late.happened('ended')
    expect(late.received).toBe(written)
  })

  test('carries a thousand streams at once', async () => {
    await using pair = await tunnelPair(client, server)
    const streams = await Promise.all(Array.from({ length: 1_000 }, () => openStream(pair)))
    expect(pair.tunnel.streams).toBe(1_000)
    await Promise.all(
      streams.map(async ({ near, far }, i) => {
        const [nearSink, farSink] = [RecordingSink.of(near), RecordingSink.of(far)]
        near.write(Buffer.from(`question ${i}`))
        near.end()
        await farSink.happened('ended')
        far.write(farSink.bytes)
        far.end()
        await nearSink.happened('closed')
        expect(nearSink.bytes.toString()).toBe(`question ${i}`)
      }),
    )
    await eventually(() => pair.tunnel.streams === 0)
  })

  test('survives five thousand aborts beside a stream that loses nothing', async () => {
    await using pair = await tunnelPair(client, server)
    const steady = await openStream(pair)
    const [steadyNear, steadyFar] = [RecordingSink.of(steady.near), RecordingSink.of(steady.far)]
    for (let batch = 0; batch < 50; batch++) {
      const legs = Array.from({ length: 100 }, () => pair.tunnel.open(anyDestination))
      await Promise.all(
        legs.map(async ({ leg, reply }, i) => {
          const request = await pair.request()
          request.accept()
          RecordingSink.of(request.leg)
          if (i % 2 === 0) await reply
          leg.abort(new Error('aborted'))
        }),
      )
      steady.near.write(Buffer.from('tick'))
    }
    steady.near.end()
    await steadyFar.happened('ended')
    expect(steadyFar.received).toBe(200)
    steady.far.end()
    await steadyNear.happened('closed')
  })

  test('is retired by the client and ends with its last stream', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    let gone = false
    pair.tunnel.onClosed(() => {
      gone = true
    })
    pair.tunnel.retire()
    expect(pair.tunnel.usable).toBe(false)
    const [nearSink, farSink] = [RecordingSink.of(near), RecordingSink.of(far)]
    await Promise.all([writeAll(near, nearSink, Buffer.alloc(500_000)), writeAll(far, farSink)])
    await farSink.happened('closed')
    expect(farSink.received).toBe(500_000)
    await eventually(() => gone)
  })

  test('is retired by the server and ends with its last stream', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    pair.served.close()
    await eventually(() => !pair.tunnel.usable)
    const [nearSink, farSink] = [RecordingSink.of(near), RecordingSink.of(far)]
    await Promise.all([writeAll(near, nearSink, Buffer.alloc(500_000)), writeAll(far, farSink)])
    await farSink.happened('closed')
    expect(farSink.received).toBe(500_000)
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    pair.tunnel.onClosed(resolve)
    await gone
  })

  test('tells its streams when it is cut', async () => {
    await using pair = await tunnelPair(client, server)
    const { near, far } = await openStream(pair)
    const [nearSink, farSink] = [RecordingSink.of(near), RecordingSink.of(far)]
    near.end()
    await farSink.happened('ended')
    const { reply } = pair.tunnel.open(anyDestination)
    await pair.request()
    pair.served.cut()
    await Promise.all([nearSink.happened('aborted'), farSink.happened('aborted')])
    expect(nearSink.events).toEqual(['aborted'])
    expect(await reply).toMatchObject({ kind: 'lost' })
    expect(pair.tunnel.usable).toBe(false)
  })
})

describe.each(layersUnderTest)('a stream of $name that the far end', ({ layer }) => {
  /** A tunnel to a peer that only does what the test says, once the stream's HEADERS have come. */
  async function answered(answer: (peer: RawPeer, cut: () => void) => void): Promise<{
    reply: Awaited<ReturnType<Tunnel['open']>['reply']>
    sink: RecordingSink
    tunnel: Tunnel
  }> {
    const address = freshAddress()
    const listener = await listenTls(serverContexts, address, (socket) => {
      const peer = new RawPeer(socket, 'server')
      peer.send(frame('settings', 0, 0))
      void peer.until(({ type }) => type === 'headers').then(() => answer(peer, () => socket.destroy()))
    })
    const tunnel = await dial(layer(clientContexts), address)
    const { leg, reply } = tunnel.open(anyDestination)
    const sink = RecordingSink.of(leg)
    const got = await reply
    await sink.happened('aborted')
    listener.close()
    tunnel.destroy(new Error('the test is over'))
    return { reply: got, sink, tunnel }
  }

  test('refuses is unprocessed', async () => {
    const { reply } = await answered((peer) => peer.send(frame('rstStream', 0, 1, word(7))))
    expect(reply).toMatchObject({ kind: 'unprocessed' })
  })

  test('resets is lost', async () => {
    const { reply } = await answered((peer) => peer.send(frame('rstStream', 0, 1, word(8))))
    expect(reply).toMatchObject({ kind: 'lost' })
  })

  test('goes away below is unprocessed', async () => {
    const { reply, tunnel } = await answered((peer) => {
      peer.send(frame('goaway', 0, 0, Buffer.concat([word(0), word(0)])))
    })
    expect(reply).toMatchObject({ kind: 'unprocessed' })
    expect(tunnel.usable).toBe(false)
  })

  test('leaves is lost', async () => {
    const { reply } = await answered((_peer, cut) => cut())
    expect(reply).toMatchObject({ kind: 'lost' })
  })

  test('answers and resets without an error is aborted', async () => {
    const { reply, sink } = await answered((peer) => {
      peer.send(frame('headers', 4, 1, Buffer.of(0x88)), frame('data', 0, 1, 'half a'))
      setTimeout(() => peer.send(frame('rstStream', 0, 1, word(0))), 50)
    })
    expect(reply).toEqual({ kind: 'connected' })
    expect(sink.bytes.toString()).toBe('half a')
    expect(sink.events).toEqual(['aborted'])
  })
})

/** Frames that end or reset a stream, in order. */
function endings(frames: readonly SeenFrame[]): string[] {
  return frames.map(describeFrame).filter((line) => /^rstStream|END_STREAM/.test(line))
}

/** Writes as fast as the leg takes it, then ends. */
async function writeAll(leg: Leg, sink: RecordingSink, bytes: Buffer = Buffer.alloc(0)): Promise<void> {
  for (let at = 0; at < bytes.length; at += 50_000) {
    if (leg.write(bytes.subarray(at, at + 50_000))) continue
    const drained = sink.drains
    await sink.until(({ drains }) => drains > drained)
  }
  leg.end()
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

async function eventually(met: () => boolean): Promise<void> {
  while (!met()) await pause(5)
}
