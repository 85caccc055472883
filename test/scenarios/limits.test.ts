import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sidecarUid } from '#mesh/ports.ts'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

const mebi = 1024 ** 2
/** WEFT_BUFFER_BUDGET where nobody says otherwise. */
const budget = 32 * mebi

// What may be asked of a sidecar at most, and that nobody else notices when somebody asks for more.
describe.skipIf(lacks('limits', 'prlimit'))('limits', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let carol: Workload
  let application: Listener

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, bob, carol] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob'),
      mesh.workload('carol'),
    ])
    application = await Listener.open(bob, 8080)
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  test('five thousand aborts lose nothing of the stream beside them', { timeout: 120_000 }, async () => {
    using lived = await converse(alice, `${bob.ip}:8080`, application)
    using quiet = await Listener.open(bob, 8081)
    let said = ''
    for (let batch = 0; batch < 100; batch++) {
      const sockets = await many(50, () => alice.connect(`${bob.ip}:8081`))
      for (const socket of sockets) socket.resetAndDestroy()
      said += `line ${batch}\n`
      lived.client.say(`line ${batch}\n`)
    }
    await lived.server.hears('line 99\n')
    expect(lived.server.heard.toString('latin1').endsWith(said)).toBe(true)
    expect([lived.client.end, lived.server.end]).toEqual([undefined, undefined])
    expect(quiet.taken.length).toBeGreaterThan(0)
    await until('nothing else to be connected', async () => (await bob.sidecar.connections()).length === 1)
  })

  test('a thousand slow readers keep to the budget, and hinder nobody', { timeout: 120_000 }, async () => {
    // Else the kernel's own buffers would take in all that is sent.
    for (const pod of [alice, bob]) {
      for (const buffers of ['tcp_wmem', 'tcp_rmem']) {
        const file = `/proc/sys/net/ipv4/${buffers}`
        await pod.run(['sh', '-c', `echo 4096 16384 65536 > ${file}`], { uid: 0 })
      }
    }
    const much = Buffer.alloc(mebi, 'weft')
    const pour = createServer((socket) => {
      socket.on('error', () => {})
      socket.write(much)
    })
    await bob.listen(pour, 9000)
    using before = await converse(alice, `${bob.ip}:8080`, application)
    const memoryBefore = privateMemory(bob)

    // Nobody listens to `data`, so Node takes what fits its own buffer and no more.
    const readers: Socket[] = []
    try {
      while (readers.length < 1_000) {
        readers.push(...(await many(50, () => alice.connect(`${bob.ip}:9000`))))
        for (const reader of readers.slice(-50)) reader.on('error', () => {})
      }
      await until('memory to be needed', async () => (await buffered(bob)) > 8 * mebi)
      for (let look = 0; look < 20; look++) {
        expect(await buffered(bob)).toBeLessThan(budget)
        expect(await buffered(alice)).toBeLessThan(budget)
        expect(privateMemory(bob) - memoryBefore).toBeLessThan(budget + 40e6)
        await sleep(100)
      }
      expect(await bob.sidecar.metric('weft_stream_window_bytes')).toBeLessThan(256 * 1024)

      // Whoever was there goes on, and whoever else comes is let in.
      before.client.say('still here\n')
      await before.server.hears('still here\n')
      const started = performance.now()
      using fast = await Conversation.dial(carol, `${bob.ip}:9000`)
      await until('a megabyte to arrive', () => fast.heard.length === mebi)
      expect(performance.now() - started).toBeLessThan(5_000)
    } finally {
      for (const reader of readers) reader.resetAndDestroy()
    }
    await until('the buffers to be free', async () => (await buffered(bob)) + (await buffered(alice)) < mebi)
    using after = await converse(alice, `${bob.ip}:8080`, application)
    expect(after.server.end).toBeUndefined()
    expect(await bob.sidecar.metric('weft_stream_window_bytes')).toBe(256 * 1024)
  })

  test('connections beyond the limit are refused by name, and have room again', async () => {
    const few = await mesh.workload('few', {
      sidecar: { WEFT_MAX_INBOUND_CONNECTIONS: '3', WEFT_MAX_OUTBOUND_CONNECTIONS: '2' },
    })
    using served = await Listener.open(few, 8080)
    const inward = await many(3, () => converse(alice, `${few.ip}:8080`, served))
    const outward = await many(2, () => converse(few, `${bob.ip}:8080`, application))

    expect(await Conversation.refusal(alice, `${few.ip}:8080`)).toBe('reset')
    expect(await Conversation.refusal(few, `${bob.ip}:8080`)).toBe('reset')
    for (const [direction, limit] of [
      ['inbound', 3],
      ['outbound', 2],
    ] as const) {
      const record = await few.sidecar.access(direction, (one) => {
        return one['direction'] === direction && one['reason'] === 'connection_limit'
      })
      expect(record['detail']).toContain(
        `carries ${limit} ${direction} connections already; raise WEFT_MAX_${direction.toUpperCase()}_CONNECTIONS`,
      )
      const labels = { direction, reason: 'connection_limit' }
      expect(await few.sidecar.metric('weft_connections_refused_total', labels)).toBe(1)
      expect(await few.sidecar.metric(`weft_${direction}_connections`)).toBe(limit)
      expect(await few.sidecar.metric(`weft_${direction}_connections_limit`)).toBe(limit)
    }
    for (const pair of [...inward, ...outward]) pair[Symbol.dispose]()
    using _in = await until('room inward', () => converse(alice, `${few.ip}:8080`, served))
    using _out = await until('room outward', () => converse(few, `${bob.ip}:8080`, application))
  })

  test('without file descriptors it keeps what it has, burns nothing, and goes on later', async () => {
    const poor = await mesh.workload('poor')
    using served = await Listener.open(poor, 8080)
    using lived = await converse(carol, `${poor.ip}:8080`, served)
    const { pid } = poor.sidecar.process
    const left = readdirSync(`/proc/${pid}/fd`).length + 12
    await poor.run(['prlimit', `--pid=${pid}`, `--nofile=${left}:`], { uid: sidecarUid })

    // On the way in through a tunnel it is the dial of the application that fails, on the way out the accept itself.
    const outcomes = await many(60, async () => {
      const socket = await carol.connect(`${poor.ip}:8080`)
      return { socket, conversation: new Conversation(socket) }
    })
    const refused = () => outcomes.filter(({ conversation }) => conversation.end === 'reset').length
    await until('some to be refused', () => refused() > 40)
    // Some are reset before they know that they are open.
    const outgoing = await many(20, () => Conversation.dial(poor, `${bob.ip}:8080`).catch(() => undefined))
    await sleep(200)
    const spent = processorTime(pid)
    await sleep(1_000)
    expect(processorTime(pid) - spent).toBeLessThan(0.2)
    lived.client.say('still here\n')
    await lived.server.hears('still here\n')
    await poor.sidecar.access('of a failed dial', ({ reason }) => reason === 'resource_limit')

    for (const { conversation } of outcomes) conversation.reset()
    for (const conversation of outgoing) conversation?.reset()
    using _in = await until('it to serve again', () => converse(carol, `${poor.ip}:8080`, served))
    using _out = await until('it to dial again', () => converse(poor, `${bob.ip}:8080`, application))
  })

  async function buffered(pod: Workload): Promise<number> {
    return await pod.sidecar.metric('weft_buffered_bytes')
  }
})

function many<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, make))
}

/** Private memory of a pod's sidecar, in bytes. */
function privateMemory(pod: Workload): number {
  const status = readFileSync(`/proc/${pod.sidecar.process.pid}/status`, 'utf8')
  return Number(/RssAnon:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

/** Processor time that a process has used, in seconds. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
