import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { errorCode, flag } from '#sidecar/tunnel/frames/protocol.ts'
import { frame, RawPeer, settings, word } from '#sidecar/tunnel/frames/testing/raw-peer.ts'
import { converse, Listener, type Pair } from '#test/harness/conversation.ts'
import { Intruder, type Leaf } from '#test/harness/intruder.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { connectFrom, dial } from '#test/harness/socket.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// A pod of the mesh that was taken over floods another one's tunnel port, while an innocent one talks to it.
describe.skipIf(lacks('floods'))('floods', () => {
  let mesh: Mesh
  let mallory: Workload
  let alice: Workload
  let bob: Workload
  let intruder: Intruder
  let leaf: Leaf
  let application: Listener
  let innocent: Pair

  beforeAll(async () => {
    mesh = await startMesh()
    ;[mallory, alice, bob] = await Promise.all([
      mesh.workload('mallory'),
      mesh.workload('alice'),
      // So few that they are used up however slow the machine is.
      mesh.workload('bob', { sidecar: { WEFT_PEER_RESETS_PER_SECOND: '50' } }),
    ])
    intruder = new Intruder(mesh, mallory)
    leaf = await intruder.leaf()
    application = await Listener.open(bob, 8080)
    innocent = await converse(alice, `${bob.ip}:8080`, application)
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  const authority = (): string => `${bob.ip}:8080`
  const field = (name: string, value: string) => ({ name, value })

  const floods: readonly { what: string; send: (peer: RawPeer) => void; reason?: string }[] = [
    { what: 'PING', send: repeat(5_000, () => frame('ping', 0, 0, Buffer.alloc(8))) },
    { what: 'SETTINGS', send: repeat(5_000, () => frame('settings', 0, 0, settings([3, 100]))) },
    {
      what: 'WINDOW_UPDATE by a byte',
      send: (peer) => {
        peer.send(peer.connect(1, authority()))
        repeat(5_000, () => frame('windowUpdate', 0, 1, word(1)))(peer)
      },
    },
    {
      what: 'CONTINUATION',
      send: (peer) => {
        peer.send(peer.connect(1, authority(), 0))
        repeat(5_000, () => frame('continuation', 0, 1, ''))(peer)
      },
    },
    {
      what: 'a header of a megabyte',
      send: (peer) => {
        peer.send(peer.connect(1, authority(), 0))
        repeat(64, () => frame('continuation', 0, 1, randomBytes(16_384)))(peer)
      },
    },
    {
      what: 'empty DATA',
      send: (peer) => {
        peer.send(peer.connect(1, authority()))
        repeat(5_000, () => frame('data', 0, 1))(peer)
      },
    },
    {
      what: 'bytes that are no HTTP/2',
      // Random bytes might begin like a frame that is small enough.
      send: (peer) => peer.send(Buffer.alloc(9, 0xff), randomBytes(100_000)),
      reason: 'http2_frame_size_error',
    },
  ]
  test.each(floods)('a flood of $what ends its own tunnel, by name', async ({ send, reason }) => {
    const counted = reason ?? 'http2_enhance_your_calm'
    const before = await refused(counted)
    const { peer } = await tunnel()
    send(peer)
    await until('the tunnel to end', () => peer.ended)
    expect(await refused(counted)).toBe(before + 1)
    await innocentGoesOn()
  })

  test('a bomb of compressed headers costs its stream, and little else', async () => {
    const { peer } = await tunnel()
    // One field of 4 KB in the table, then named by a byte each: 60 000 of them would be 240 MB.
    const head = peer.encoder.encode([field(':method', 'CONNECT'), field(':authority', authority())])
    const bomb = Buffer.concat([
      head,
      Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]),
      Buffer.alloc(4_000, 'v'),
      Buffer.alloc(40_000, 0xbe),
    ])
    const started = performance.now()
    peer.send(frame('headers', 0, 1, bomb.subarray(0, 16_000)))
    peer.send(frame('continuation', 0, 1, bomb.subarray(16_000, 32_000)))
    peer.send(frame('continuation', flag.endHeaders, 1, bomb.subarray(32_000)))
    const reset = await peer.until(({ type }) => type === 'rstStream')
    expect([reset.streamId, reset.payload.readUInt32BE(0)]).toEqual([1, errorCode.protocolError])
    expect(performance.now() - started).toBeLessThan(1_000)
    await peer.settle()
    await innocentGoesOn()
  })

  test('rapid resets over several tunnels are refused as one peer’s, and no tunnel ends', async () => {
    const before = await refused('reset_budget')
    const tunnels = await Promise.all(Array.from({ length: 4 }, tunnel))
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(tunnels.map(({ peer }) => resetAtOnce(peer, 1 + batch * 500, 250)))
    }
    const after = await refused('reset_budget')
    expect(after - before).toBeGreaterThan(1_000)
    expect(tunnels.map(({ peer }) => peer.ended)).toEqual([false, false, false, false])
    // A new tunnel brings no new budget: only what was refilled meanwhile.
    const another = await tunnel()
    await resetAtOnce(another.peer, 1, 2_500)
    expect((await refused('reset_budget')) - after).toBeGreaterThan(1_000)
    expect(another.peer.ended).toBe(false)
    await innocentGoesOn()
    using _talk = await converse(alice, authority(), application)
    for (const { socket } of [...tunnels, another]) socket.destroy()
  })

  test('a hundred streams a tunnel, and the next is refused', async () => {
    const before = await refused('too_many_streams')
    const { peer, socket } = await tunnel()
    peer.send(...Array.from({ length: 101 }, (_, i) => peer.connect(2 * i + 1, authority())))
    const reset = await peer.until(({ type }) => type === 'rstStream')
    expect([reset.streamId, reset.payload.readUInt32BE(0)]).toEqual([201, errorCode.refusedStream])
    expect((await refused('too_many_streams')) - before).toBe(1)
    socket.destroy()
  })

  test('whoever begins a handshake and never ends it is cut after five seconds', async () => {
    const before = await refused('handshake_timeout')
    const standing = { ...mallory.standing, uid: sidecarUid }
    const slow = await connectFrom(standing, `${bob.ip}:${ports.hbone}`)
    slow.on('error', () => {})
    // The beginning of a ClientHello.
    slow.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]))
    const started = performance.now()
    await new Promise<void>((resolve) => slow.once('end', resolve).resume())
    expect(performance.now() - started).toBeGreaterThan(4_500)
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(await refused('handshake_timeout')).toBe(before + 1)
  })

  test('ten thousand half-open connections keep nobody out', { timeout: 120_000 }, async () => {
    const standing = { ...mallory.standing, uid: sidecarUid }
    const open = new Set<Socket>()
    let resets = 0
    for (let batch = 0; batch < 100; batch++) {
      for (let i = 0; i < 100; i++) {
        const socket = dial(standing, `${bob.ip}:${ports.hbone}`, { allowHalfOpen: false })
        open.add(socket)
        socket.on('error', () => {
          resets += 1
        })
        socket.once('close', () => open.delete(socket)).resume()
      }
      await sleep(10)
      if (batch % 25 === 0) {
        expect(await bob.sidecar.metric('weft_handshakes')).toBeLessThanOrEqual(128)
        // A new tunnel for somebody else, amid it all.
        const carol = await mesh.workload(`carol-${batch}`)
        using _talk = await converse(carol, authority(), application)
      }
    }
    await until('most to be reset', () => resets > 9_000)
    expect(await refused('too_many_handshakes')).toBeGreaterThan(9_000)
    for (const socket of open) socket.destroy()
    await until('all handshakes to be over', async () => {
      return (await bob.sidecar.metric('weft_handshakes')) === 0
    })
    await innocentGoesOn()
  })

  /** A tunnel to bob in the hands of the test. */
  async function tunnel(): Promise<{ readonly socket: TLSSocket; readonly peer: RawPeer }> {
    const socket = await intruder.handshake(bob, leaf)
    return { socket, peer: new RawPeer(socket, 'client') }
  }

  /** Opens streams, resets each at once, and waits until all was handled. */
  async function resetAtOnce(peer: RawPeer, firstId: number, count: number): Promise<void> {
    const frames = Array.from({ length: count }, (_, i) => {
      const id = firstId + 2 * i
      return [peer.connect(id, authority()), frame('rstStream', 0, id, word(errorCode.cancel))]
    })
    peer.send(...frames.flat())
    await peer.settle()
  }

  async function refused(reason: string): Promise<number> {
    return await bob.sidecar.metric('weft_inbound_refused_total', { reason })
  }

  let lines = 0
  /** The innocent connection is the one that it was, and nothing of it was lost. */
  async function innocentGoesOn(): Promise<void> {
    const line = `line ${++lines}\n`
    innocent.client.say(line)
    await innocent.server.hears(line)
    innocent.server.say(line)
    await innocent.client.hears(line)
    expect([innocent.client.end, innocent.server.end]).toEqual([undefined, undefined])
  }
})

/** Sends a frame so many times, after a request that it may be about. */
function repeat(times: number, make: () => Buffer): (peer: RawPeer) => void {
  return (peer) => {
    const frames = Buffer.concat(Array.from({ length: times }, make))
    peer.send(frames)
  }
}
