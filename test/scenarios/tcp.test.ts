import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isClosedByKernel } from '#sidecar/proxy/original-destination.ts'
import { errorCode } from '#sidecar/tunnel/frames/protocol.ts'
import { Conversation, converse, Listener, type Pair } from '#test/harness/conversation.ts'
import { FakePeer, type FakeStream, openFakeStream } from '#test/harness/fake-peer.ts'
import { Intruder, type Leaf } from '#test/harness/intruder.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import type { Packet } from '#test/harness/packets.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import { within } from '#test/harness/within.ts'
import type { Workload } from '#test/harness/workload.ts'

/** Connections that are open at once: 1 000, or what is asked for, up to what open files allow. */
const many = Number(process.env['WEFT_CONNECTIONS'] ?? 1_000)
/** How long conntrack of the pods remembers a half-closed connection, in seconds; Linux has 60. */
const halfClosedMemory = 35

// Row 22, told by frames and packets: what one end did is what is said on the wire, and nothing else.
describe.skipIf(lacks('tcp', 'tcpdump', 'ss'))('row 22: tcp', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let fake: Workload
  let outsider: Workload
  let peer: FakePeer
  let intruder: Intruder
  let leaf: Leaf
  let quiet: { readonly pairs: readonly Pair[]; readonly since: number }

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, bob, fake, outsider] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob'),
      mesh.workload('fake', { sidecar: false, redirection: false }),
      mesh.workload('outsider', { meshed: false }),
    ])
    intruder = new Intruder(mesh, fake)
    leaf = await intruder.leaf()
    peer = await FakePeer.listen(mesh, fake, leaf)
    quiet = await halfClosePairs()
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe('frames that leave a pod', () => {
    const opened = async (): Promise<{ client: Conversation; stream: FakeStream }> => {
      const client = await Conversation.dial(alice, `${fake.ip}:7000`)
      return { client, stream: await peer.next() }
    }
    const spoken = async () => {
      const { client, stream } = await opened()
      stream.answer(200)
      client.say('a question')
      await stream.hears('a question')
      return { client, stream }
    }

    test('an end is END_STREAM, and each way ends by itself', async () => {
      const { client, stream } = await spoken()
      client.finish()
      expect(await stream.told('end')).toEqual(['head', 'bytes', 'end'])
      stream.say('the ans')
      await client.hears('the ans')
      expect(client.end).toBeUndefined()
      stream.end('wer')
      expect(await client.ended()).toBe('fin')
      expect(client.heard.toString()).toBe('the answer')
      await until('the connection to be over', async () => {
        return (await alice.sidecar.connections()).every(
          ({ destination }) => destination !== `${fake.ip}:7000`,
        )
      })
      expect(stream.story).toEqual(['head', 'bytes', 'end'])
    })

    test('both ends at once are two ends', async () => {
      const { client, stream } = await spoken()
      client.finish()
      stream.end()
      expect([await client.ended(), await stream.told('end')]).toEqual(['fin', ['head', 'bytes', 'end']])
    })

    test('an end before a word is END_STREAM', async () => {
      const { client, stream } = await opened()
      stream.answer(200)
      client.finish()
      expect(await stream.told('end')).toEqual(['head', 'end'])
      stream.end('an answer to nothing')
      expect(await client.ended()).toBe('fin')
    })

    test('a reset is RST_STREAM with an error, and no END_STREAM before it: before data', async () => {
      const { client, stream } = await opened()
      stream.answer(200)
      client.reset()
      expect(await stream.told('reset')).toEqual(['head', 'reset'])
    })

    test('and behind data', async () => {
      const { client, stream } = await spoken()
      client.reset()
      expect(await stream.told('reset')).toEqual(['head', 'bytes', 'reset'])
    })

    test('and before there was an answer', async () => {
      const { client, stream } = await opened()
      client.say('a question')
      await stream.hears('a question')
      client.reset()
      expect(await stream.told('reset')).toEqual(['head', 'bytes', 'reset'])
    })

    test('and behind one’s own end, within a sweep', async () => {
      const { client, stream } = await spoken()
      client.finish()
      await stream.told('end')
      client.reset()
      expect(await stream.told('reset', { timeout: 8_000 })).toEqual(['head', 'bytes', 'end', 'reset'])
    })

    test.each([
      ['RST_STREAM', (stream: FakeStream) => stream.reset(errorCode.cancel)],
      ['RST_STREAM without an error', (stream: FakeStream) => stream.reset(errorCode.noError)],
      [
        'RST_STREAM that says refused, too late',
        (stream: FakeStream) => stream.reset(errorCode.refusedStream),
      ],
      ['GOAWAY below the stream', (stream: FakeStream) => stream.goAway(0)],
      ['the loss of the connection', (stream: FakeStream) => stream.vanish()],
    ])('%s behind half an answer is a reset to the application', async (_, cut) => {
      const { client, stream } = await spoken()
      stream.say('half of what there i')
      await client.hears('half of')
      cut(stream)
      expect(await client.ended()).toBe('reset')
      stream.vanish()
    })

    test('END_STREAM and then RST_STREAM is an end, and then a reset', async () => {
      const { client, stream } = await spoken()
      stream.end('all of it')
      expect(await client.ended()).toBe('fin')
      stream.reset()
      await until('the client to be reset', () => isClosedByKernel(client.socket))
    })
  })

  describe('frames that reach a pod', () => {
    const spoken = async (port: number): Promise<{ server: Conversation; stream: FakeStream }> => {
      const application = await Listener.open(bob, port)
      const stream = await openFakeStream(intruder, leaf, bob, `${bob.ip}:${port}`)
      stream.say('a question')
      const server = await application.whoSaid('a question')
      return { server, stream }
    }

    test('END_STREAM is a FIN to the application, whose own is END_STREAM', async () => {
      const { server, stream } = await spoken(7100)
      stream.end(', and no more')
      expect(await server.ended()).toBe('fin')
      expect(server.heard.toString()).toBe('a question, and no more')
      server.finish('an answer')
      expect(await stream.told('end')).toEqual(['head', 'bytes', 'end'])
      await sleep(50)
      expect(stream.story).toEqual(['head', 'bytes', 'end'])
    })

    test('the application’s FIN is END_STREAM while it still listens', async () => {
      const { server, stream } = await spoken(7101)
      server.finish('an answer')
      expect(await stream.told('end')).toEqual(['head', 'bytes', 'end'])
      stream.end(' and thanks')
      expect(await server.ended()).toBe('fin')
      expect(server.heard.toString()).toBe('a question and thanks')
    })

    test('the application’s reset is RST_STREAM with an error, and no END_STREAM before it', async () => {
      const { server, stream } = await spoken(7102)
      server.say('half of what there i')
      await stream.hears('half of')
      server.reset()
      expect(await stream.told('reset')).toEqual(['head', 'bytes', 'reset'])
    })

    test.each([
      ['RST_STREAM', 7103, (stream: FakeStream) => stream.reset(errorCode.cancel)],
      ['RST_STREAM without an error', 7104, (stream: FakeStream) => stream.reset(errorCode.noError)],
      ['the loss of the connection', 7105, (stream: FakeStream) => stream.vanish()],
    ])('%s is a reset to the application', async (_, port, cut) => {
      const { server, stream } = await spoken(port)
      cut(stream)
      expect(await server.ended()).toBe('reset')
    })
  })

  describe('packets of the legs in plaintext', () => {
    test('an orderly end is one FIN each way and no reset, into the mesh and out of it', async () => {
      await using capture = await mesh.capture()
      for (const [from, to, port] of [
        [outsider, bob, 7200],
        [alice, outsider, 7201],
      ] as const) {
        using application = await Listener.open(to, port)
        using talk = await converse(from, `${to.ip}:${port}`, application)
        talk.client.finish('a question')
        await talk.server.ended()
        talk.server.finish('an answer')
        await talk.client.ended()
        const told = await until('both FINs to pass', async () => {
          const packets = await packetsAt(capture.packets(), port)
          return packets.fins.length === 2 && packets
        })
        expect(new Set(told.fins).size).toBe(2)
        expect(told.resets).toEqual([])
      }
    })

    test('a reset is a RST, and no FIN passes before it', async () => {
      await using capture = await mesh.capture()
      for (const [from, to, port] of [
        [outsider, bob, 7202],
        [alice, outsider, 7203],
      ] as const) {
        using application = await Listener.open(to, port)
        using talk = await converse(from, `${to.ip}:${port}`, application)
        // Whoever of the two is beyond the mesh hears of it over the wire.
        const [speaker, hearer] = from === outsider ? [talk.server, talk.client] : [talk.client, talk.server]
        speaker.say('half of what there i')
        await hearer.hears('half of')
        speaker.reset()
        expect(await hearer.ended()).toBe('reset')
        const { fins, resets } = await packetsAt(capture.packets(), port)
        expect(fins).toEqual([])
        expect(resets.length).toBeGreaterThan(0)
      }
    })

    async function packetsAt(captured: Promise<Packet[]>, port: number) {
      const packets = (await captured).filter(({ from, to }) =>
        [from, to].some((end) => end.endsWith(`:${port}`)),
      )
      const froms = (flag: 'fin' | 'rst') =>
        packets.filter(({ flags }) => flags[flag]).map(({ from }) => from)
      return { fins: froms('fin'), resets: froms('rst') }
    }
  })

  test.each([
    { way: 'through the tunnel', slow: 'client', ends: () => [alice, bob] as const },
    { way: 'through the tunnel', slow: 'server', ends: () => [alice, bob] as const },
    { way: 'into the mesh', slow: 'server', ends: () => [outsider, bob] as const },
    { way: 'out of the mesh', slow: 'client', ends: () => [alice, outsider] as const },
  ])(
    '100 MB each way arrive whole $way, and wait outside of the sidecars for a slow $slow',
    async ({ slow, ends }) => {
      const [from, to] = ends()
      const piece = randomBytes(1_000_000)
      const served = Promise.withResolvers<string>()
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        exchange(socket, piece, slow === 'server').then(served.resolve, served.reject)
      })
      await to.listen(server, 7300)
      const before = memory()
      let most = 0
      const looks = setInterval(() => {
        most = Math.max(most, ...memory().map((bytes, i) => bytes - before[i]!))
      }, 20)
      try {
        const client = await from.connect(`${to.ip}:7300`)
        const [down, up] = await Promise.all([exchange(client, piece, slow === 'client'), served.promise])
        const whole = createHash('sha256')
        for (let i = 0; i < 100; i++) whole.update(piece)
        const wanted = whole.digest('hex')
        expect({ up, down }).toEqual({ up: wanted, down: wanted })
        // One slow connection may hold a few windows; a sidecar that took what it could get would hold 100 MB.
        expect(most).toBeLessThan(64 * 1024 * 1024)
      } finally {
        clearInterval(looks)
        server.close()
      }
    },
  )

  test(`${many} connections at once are ${many} connections`, { timeout: 60_000 + many * 20 }, async () => {
    await bob.app('echo', ['--port', '7400'])
    const quietOnes = (await bob.sidecar.connections()).length
    const sockets: Socket[] = []
    // Many at a time, but fewer than a listener's backlog holds.
    for (let left = many; left > 0; left -= 250) {
      const opening = Array.from({ length: Math.min(left, 250) }, () =>
        alice.connect(`${bob.ip}:7400`, { timeout: 30_000 }),
      )
      sockets.push(...(await Promise.all(opening)))
    }
    await until('all of them to be open', async () => (await openAt(bob)) === quietOnes + many, {
      timeout: 60_000,
    })
    const heard = await Promise.all(
      sockets.map(async (socket, i) => {
        socket.end(`connection ${i} of ${many}`)
        let text = ''
        for await (const bytes of socket as AsyncIterable<Buffer>) text += bytes.toString()
        return text
      }),
    )
    expect(heard).toEqual(sockets.map((_, i) => `connection ${i} of ${many}`))
    await until('all of them to be over', async () => (await openAt(bob)) === quietOnes, { timeout: 60_000 })
  })

  test('the kernel watches over every leg: keepalive on both sides of both sidecars', async () => {
    using inside = await Listener.open(bob, 7500)
    using beyond = await Listener.open(outsider, 7500)
    using _through = await converse(alice, `${bob.ip}:7500`, inside)
    using _into = await converse(outsider, `${bob.ip}:7500`, inside)
    using _out = await converse(alice, `${outsider.ip}:7500`, beyond)
    const expected = [
      // From the application, and on to where it wanted.
      { pod: alice, legs: [/ 127\.0\.0\.1:15001 /, / \S+:7500 /] },
      // From outside, and on to the application.
      { pod: bob, legs: [/:15006 /, / \S+:7500 /] },
    ]
    for (const { pod, legs } of expected) {
      const lines = await legsOf(pod)
      for (const leg of legs) {
        const found = lines.filter((line) => leg.test(line))
        expect(found, `${pod.name}: ${leg}\n${lines.join('\n')}`).not.toEqual([])
        for (const line of found) {
          const seconds = Number(
            /timer:\(keepalive,(\d+)(?:\.\d+)?sec,/.exec(line)?.[1] ??
              (line.includes('ms,') ? 1 : Number.NaN),
          )
          expect(seconds, line).toBeLessThanOrEqual(30)
        }
      }
    }
  })

  test(`half-closed and silent for longer than conntrack remembers, a connection still answers`, async () => {
    const waited = (): number => performance.now() - quiet.since
    await until('conntrack to have had its time', () => waited() > (halfClosedMemory + 5) * 1_000, {
      timeout: 50_000,
    })
    for (const [i, { client, server }] of quiet.pairs.entries()) {
      const [ended, speaks] = i % 2 === 0 ? [client, server] : [server, client]
      speaks.finish('the answer, at last')
      await ended.hears('the answer, at last')
      expect(await ended.ended()).toBe('fin')
    }
    await until('nothing of them to be left', async () => (await openAt(bob)) + (await openAt(alice)) === 0)
  })

  /** One half-closed connection of each way, by the client and by the server. */
  async function halfClosePairs(): Promise<{ pairs: Pair[]; since: number }> {
    for (const { standing } of [alice, bob, outsider]) {
      within({ ...standing, uid: 0 }, () => {
        const timeout = '/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait'
        writeFileSync(timeout, String(halfClosedMemory))
      })
    }
    const ways = [
      [alice, bob],
      [outsider, bob],
      [alice, outsider],
    ] as const
    const pairs: Pair[] = []
    for (const [i, [from, to]] of ways.entries()) {
      const application = await Listener.open(to, 6000 + i)
      for (const ending of ['client', 'server'] as const) {
        const pair = await converse(from, `${to.ip}:${6000 + i}`, application)
        pair[ending].finish()
        await pair[ending === 'client' ? 'server' : 'client'].ended()
        pairs.push(pair)
      }
    }
    return { pairs, since: performance.now() }
  }

  async function openAt({ sidecar }: Workload): Promise<number> {
    return (await sidecar.connections()).length
  }

  /** What the kernel knows of the sidecar's open connections, a line each. */
  async function legsOf(pod: Workload): Promise<string[]> {
    const said = await pod.run(['ss', '-tnopH', 'state', 'established'], { uid: 0 })
    return said.split('\n').filter((line) => line.includes(`pid=${pod.sidecar.process.pid},`))
  }

  /** Private memory of both sidecars, in bytes. */
  function memory(): number[] {
    return [alice, bob].map(({ sidecar }) => {
      const status = readFileSync(`/proc/${sidecar.process.pid}/status`, 'utf8')
      return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024
    })
  }
})

/** Sends the piece a hundred times, reads everything, with pauses if it is slow, and answers the checksum. */
async function exchange(socket: Socket, piece: Buffer, slow: boolean): Promise<string> {
  const sending = (async () => {
    for (let i = 0; i < 100; i++) {
      if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve))
    }
    socket.end()
  })()
  const hash = createHash('sha256')
  let unread = 0
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    hash.update(chunk)
    unread += chunk.length
    if (slow && unread > 1_000_000) {
      unread = 0
      await sleep(10)
    }
  }
  await sending
  return hash.digest('hex')
}
