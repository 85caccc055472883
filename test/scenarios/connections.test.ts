import { createHash, type Hash, randomBytes } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isClosedByKernel } from '#sidecar/proxy/original-destination.ts'
import { Conversation, converse, Listener, type Pair } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { Ticks } from '#test/harness/ticks.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// Row 22: what one end of a connection does, the other end sees, and nothing else.
describe.skipIf(lacks('connections', 'curl'))('connections', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let outsider: Workload
  let quiet: Pair
  let began: number

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, bob, outsider] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob'),
      mesh.workload('outsider', { meshed: false }),
    ])
    await Promise.all([
      bob.app('ticker', ['--port', '9000']),
      bob.app('echo', ['--port', '7002']),
      outsider.app('echo', ['--port', '7002']),
    ])
    quiet = await converse(alice, `${bob.ip}:6000`, await Listener.open(bob, 6000))
    began = performance.now()
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe.each([
    { way: 'through the tunnel', ends: () => [alice, bob] as const },
    { way: 'into the mesh', ends: () => [outsider, bob] as const },
    { way: 'out of the mesh', ends: () => [alice, outsider] as const },
  ])('$way', ({ ends }) => {
    let from: Workload
    let target: string
    let application: Listener

    beforeAll(async () => {
      const [client, server] = ends()
      from = client
      target = `${server.ip}:7000`
      application = await Listener.open(server, 7000)
    })

    afterAll(() => {
      application[Symbol.dispose]()
    })

    test('a client that ends its direction still hears the answer', async () => {
      using talk = await converse(from, target, application)
      talk.client.finish('the question')
      expect(await talk.server.ended()).toBe('fin')
      expect(talk.server.heard.toString()).toContain('the question')
      expect(talk.client.end).toBeUndefined()
      talk.server.say('the ans')
      await talk.client.hears('the ans')
      talk.server.finish('wer')
      expect(await talk.client.ended()).toBe('fin')
      expect(talk.client.heard.toString()).toBe('the answer')
    })

    test('a server that ends its direction still hears the client', async () => {
      using talk = await converse(from, target, application)
      talk.server.finish('all that I have to say')
      expect(await talk.client.ended()).toBe('fin')
      expect(talk.client.heard.toString()).toBe('all that I have to say')
      expect(talk.server.end).toBeUndefined()
      talk.client.say('and ')
      await talk.server.hears('and ')
      talk.client.finish('another thing')
      expect(await talk.server.ended()).toBe('fin')
      expect(talk.server.heard.toString()).toMatch(/and another thing$/)
    })

    test('a client that ends before it said anything ends nothing else', async () => {
      using client = await Conversation.dial(from, target)
      client.finish()
      using server = await application.next()
      expect(await server.ended()).toBe('fin')
      server.finish('an answer to nothing')
      await client.hears('an answer to nothing')
      expect(await client.ended()).toBe('fin')
    })

    test('a client’s reset is a reset, before data and behind it', async () => {
      using early = await converse(from, target, application)
      early.client.reset()
      expect(await early.server.ended()).toBe('reset')

      using late = await converse(from, target, application)
      late.server.say('some of it')
      await late.client.hears('some of it')
      late.client.say('a word, and gone')
      await late.server.hears('gone')
      late.client.reset()
      expect(await late.server.ended()).toBe('reset')

      using answered = await converse(from, target, application)
      answered.server.finish('all that I have to say')
      await answered.client.ended()
      answered.client.reset()
      expect(await answered.server.ended()).toBe('reset')
    })

    test('a client that resets at once leaves no end that passes for a FIN', async () => {
      const [, to] = ends()
      using hasty = await Listener.open(to, 7003)
      for (let i = 0; i < 10; i++) (await Conversation.dial(from, `${to.ip}:7003`)).reset()
      using later = await converse(from, `${to.ip}:7003`, hasty)
      const gone = hasty.taken.filter((server) => server !== later.server)
      await until('all of them to be over', () => gone.every(({ end }) => end !== undefined))
      expect(gone.filter(({ end }) => end !== 'reset')).toEqual([])
    })

    test('a server’s reset is a reset, before data and behind it', async () => {
      using client = await Conversation.dial(from, target)
      using server = await application.next()
      server.reset()
      expect(await client.ended()).toBe('reset')
      expect(client.heard).toHaveLength(0)

      using late = await converse(from, target, application)
      late.server.say('some of it')
      await late.client.hears('some of it')
      late.server.reset()
      expect(await late.client.ended()).toBe('reset')

      using asked = await converse(from, target, application)
      asked.client.finish('the whole question')
      await asked.server.ended()
      asked.server.reset()
      expect(await asked.client.ended()).toBe('reset')
    })

    test('a body that is cut short does not pass for a whole one', async () => {
      const fetched = from.attempt(['curl', '-sS', '--max-time', '10', `http://${target}/`])
      using server = await application.next()
      await server.hears('\r\n\r\n')
      // Without a length the end of the connection is the end of the body: a FIN would make this a whole answer.
      server.say('HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nhalf of what there i')
      await until('the half to leave', () => server.socket.writableLength === 0)
      server.reset()
      const { code, stderr } = await fetched
      expect(stderr).toContain('reset by peer')
      expect(code).toBe(56)
    })

    test('10 MB each way at once arrive whole at sides that are slow to read', async () => {
      const sent = { up: randomBytes(10_000_000), down: randomBytes(10_000_000) }
      const served = Promise.withResolvers<string>()
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        exchange(socket, sent.down).then(served.resolve, served.reject)
      })
      const [, to] = ends()
      await to.listen(server, 7001)
      const client = await from.connect(`${to.ip}:7001`)
      const [down, up] = await Promise.all([exchange(client, sent.up), served.promise])
      server.close()
      expect({ up, down }).toEqual({ up: checksum(sent.up), down: checksum(sent.down) })
    })

    test('200 connections at once are 200 connections', async () => {
      const [, to] = ends()
      const asked = Array.from({ length: 200 }, (_, i) => `connection ${i} of 200`)
      const heard = await Promise.all(
        asked.map(async (question) => {
          const socket = await from.connect(`${to.ip}:7002`)
          socket.end(question)
          return await text(socket)
        }),
      )
      expect(heard).toEqual(asked)
    })
  })

  test('a reset behind one’s own end reaches the other side, which was still speaking', async () => {
    const ways = [
      [alice, bob],
      [outsider, bob],
      [alice, outsider],
    ] as const
    await Promise.all(
      ways.map(async ([from, to], i) => {
        using application = await Listener.open(to, 7100 + i)
        using talk = await converse(from, `${to.ip}:${7100 + i}`, application)
        talk.client.finish()
        await talk.server.ended()
        talk.client.reset()
        // Node tells of no reset behind an end: the kernel is asked.
        await until('the server to be reset', () => isClosedByKernel(talk.server.socket))
      }),
    )
  })

  test('a connection lives through five renewals of both certificates and a restart of the control plane', async () => {
    using stream = new Ticks(await alice.connect(`${bob.ip}:9000`))
    await stream.more()
    const serials = new Set<string>()
    for (let renewal = 0; renewal < 5; renewal++) {
      // Each alone, since either end's certificate is reason enough for another tunnel.
      for (const [renewed, other] of [
        [alice, bob],
        [bob, alice],
      ] as const) {
        const { serial } = (await renewed.sidecar.admin('POST /certificate/renew')) as { serial: string }
        serials.add(serial)
        await until('a new connection to prove itself with the new certificate', async () => {
          using fresh = new Ticks(await alice.connect(`${bob.ip}:9000`))
          await fresh.more(1)
          return (await other.sidecar.connections()).some(({ peerSerial }) => peerSerial === serial)
        })
      }
      await stream.more()
      if (renewal === 2) {
        await mesh.controlPlane.stop()
        await stream.more()
        await mesh.controlPlane.start()
        await until('both to have found it again', async () => {
          const pods = await Promise.all([alice, bob].map(({ sidecar }) => sidecar.admin('GET /config')))
          return pods.every((pod) => (pod as { controlPlane: string }).controlPlane === 'connected')
        })
      }
    }
    expect(serials.size).toBe(10)
    await stream.more()
    expect(stream.end).toBeUndefined()
  })

  test('no connection fails while both ends renew their certificates under them', async () => {
    const over = new AbortController()
    let carried = 0
    const keepAsking = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const socket = await alice.connect(`${bob.ip}:7002`)
        socket.end('a question')
        expect(await text(socket)).toBe('a question')
        carried += 1
      }
    }
    const askers = Promise.all(Array.from({ length: 8 }, keepAsking))
    for (let renewal = 0; renewal < 5; renewal++) {
      const before = carried
      await alice.sidecar.admin('POST /certificate/renew')
      await bob.sidecar.admin('POST /certificate/renew')
      await Promise.race([askers, until('some more to be carried', () => carried >= before + 20)])
    }
    over.abort()
    await askers
  })

  test('a connection that was silent all the while still carries both ways', async () => {
    await until('it to have been silent for long', () => performance.now() - began > 5_000)
    const { client, server } = quiet
    client.say('still there?')
    await server.hears('still there?')
    server.finish('still here')
    await client.hears('still here')
    expect(await client.ended()).toBe('fin')
  })
})

/** Sends everything, reads everything with pauses, and answers the checksum of what came. */
async function exchange(socket: Socket, bytes: Buffer): Promise<string> {
  socket.end(bytes)
  const hash: Hash = createHash('sha256')
  let unread = 0
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    hash.update(chunk)
    unread += chunk.length
    // Every quarter of a megabyte this side looks away for a while, so that the other one has to wait.
    if (unread > 250_000) {
      unread = 0
      await sleep(5)
    }
  }
  return hash.digest('hex')
}

function checksum(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
