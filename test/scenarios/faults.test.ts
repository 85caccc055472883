import { createHash, randomBytes } from 'node:crypto'
import { closeSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { Clock, loss, openFiles, partition, smallDisk } from '#test/harness/faults.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { plan } from '#test/harness/network.ts'
import { lacks } from '#test/harness/requirements.ts'
import { Ticks } from '#test/harness/ticks.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// What breaks, and what does not break with it. docs/reliability.md has what these print.
describe.skipIf(lacks('faults', 'curl', 'prlimit', 'faketime'))('faults', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let carol: Workload
  let outsider: Workload

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, bob, carol, outsider] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob', { labels: { app: 'choir' } }),
      mesh.workload('carol', { labels: { app: 'choir' } }),
      mesh.workload('outsider', { meshed: false }),
    ])
    await Promise.all(
      [bob, carol].flatMap((pod) => [
        pod.app('ticker', ['--port', '9000']),
        pod.app('echo', ['--port', '7000']),
      ]),
    )
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  test('kill -9 of the control plane under load fails no connection; back, it is heard again', async () => {
    const load = new Load(alice, `${bob.ip}:7000`)
    await load.more(50)
    await mesh.controlPlane.kill()
    await load.more(100)
    const started = performance.now()
    await mesh.controlPlane.start()
    using _denied = denyCarol()
    using live = new Ticks(await carol.connect(`${bob.ip}:9000`))
    await live.ended({ timeout: 30_000 })
    measured('control plane killed', `a change of policy in force ${since(started)} after its start`)
    await load.more(50)
    expect(await load.end()).toEqual([])
  })

  test('kill -9 of a sidecar is a reset to all four ends, its own application’s too', async () => {
    const pod = await mesh.workload('victim')
    using application = await Listener.open(pod, 8080)
    using away = await Listener.open(bob, 8080)
    const talks = [
      await converse(alice, `${pod.ip}:8080`, application),
      await converse(outsider, `${pod.ip}:8080`, application),
      await converse(pod, `${bob.ip}:8080`, away),
    ]
    // Half an answer without a length, which a FIN would make a whole one.
    const fetched = pod.attempt([
      'curl',
      '-sS',
      '-N',
      '-o',
      'page',
      '--max-time',
      '10',
      `http://${bob.ip}:8080/`,
    ])
    const server = await away.next()
    await server.hears('\r\n\r\n')
    server.say('HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\nhalf of what there i')
    await until('the half to arrive', () => readFileSync(join(pod.directory, 'page')).includes('half of'))
    const killed = performance.now()
    await pod.sidecar.kill()
    for (const { client, server } of talks) {
      expect([await client.ended(), await server.ended()]).toEqual(['reset', 'reset'])
    }
    measured('sidecar killed', `all ends told within ${since(killed)}`)
    expect((await fetched).code).toBe(56)
    // Its application is not reached past it.
    expect(await Conversation.refusal(alice, `${pod.ip}:8080`)).toBe('reset')
    await mesh.startSidecar(pod)
    using again = await converse(alice, `${pod.ip}:8080`, application)
    expect(again.client.end).toBeUndefined()
    for (const talk of talks) talk[Symbol.dispose]()
    pod.unregister()
  })

  test('a service loses no new connection by the kill -9 of one endpoint’s sidecar', async () => {
    const pods = await Promise.all(
      ['one', 'two'].map((name) => mesh.workload(name, { labels: { app: 'pair' } })),
    )
    await Promise.all(pods.map((pod) => pod.app('echo', ['--port', '7000'])))
    const pair = mesh.service('pair', { ports: [{ port: 80, targetPort: 7000 }] })
    const target = `${pair.ip}:80`
    await until('both endpoints to be known', async () => {
      for (let i = 0; i < 6; i++) await echoed(alice, target, 'hello')
      const served = alice.sidecar.accessLog().map(({ endpoint }) => endpoint)
      return pods.every(({ ip }) => served.includes(`${ip}:7000`))
    })
    await pods[0]!.sidecar.kill()
    // The loss of the tunnel is known as soon as the kernel has said so.
    await sleep(100)
    for (let i = 0; i < 50; i++) expect(await echoed(alice, target, `question ${i}`)).toBe(`question ${i}`)
    pair.remove()
    for (const pod of pods) pod.unregister()
  })

  test('kill -9 of an application is what its kernel says of it, and the next connection is refused at once', async () => {
    const pod = await mesh.workload('served')
    const application = await pod.app('ticker', ['--port', '9000'])
    using through = new Ticks(await alice.connect(`${pod.ip}:9000`))
    using beside = new Ticks(await pod.connect(`${pod.ip}:9000`))
    await Promise.all([through.more(), beside.more()])
    await application.kill()
    const direct = await beside.ended()
    expect((await through.ended()).how).toBe(direct.how)
    const asked = performance.now()
    expect(await Conversation.refusal(alice, `${pod.ip}:9000`)).toBe('reset')
    measured('application killed', `live ones read a ${direct.how}; a new one refused within ${since(asked)}`)
    await pod.app('ticker', ['--port', '9000'])
    using again = new Ticks(await alice.connect(`${pod.ip}:9000`))
    await again.more()
    pod.unregister()
  })

  test('a partition that heals in time costs time, and no byte', async () => {
    using live = new Ticks(await alice.connect(`${bob.ip}:9000`))
    await live.more()
    const before = live.count
    {
      await using _cut = await partition(bob, alice.ip)
      await sleep(3_000)
      expect(live.end).toBeUndefined()
    }
    const healed = performance.now()
    // All that was said meanwhile comes, in order.
    await live.more(before + 100 - live.count)
    measured('partition of 3 s', `the stream goes on ${since(healed)} after the healing, no byte lost`)
    expect(live.end).toBeUndefined()
  })

  test('a partition that stays is a reset to both ends, never silence; healed, the next connection is served', {
    timeout: 120_000,
  }, async () => {
    using application = await Listener.open(bob, 8081)
    using beyond = await Listener.open(outsider, 8081)
    const tunnelled = await converse(alice, `${bob.ip}:8081`, application)
    const into = await converse(outsider, `${bob.ip}:8081`, application)
    const outOf = await converse(alice, `${outsider.ip}:8081`, beyond)
    await using first = await partition(bob, alice.ip, outsider.ip)
    await using second = await partition(alice, outsider.ip)
    const cut = performance.now()
    await Promise.all([
      Promise.all([tunnelled.client, tunnelled.server].map((one) => one.ended({ timeout: 60_000 }))).then(
        (ends) => {
          expect(ends).toEqual(['reset', 'reset'])
          measured('partition that stays, by tunnel', `both ends reset after ${since(cut)}`)
        },
      ),
      Promise.all([into.server, outOf.client].map((one) => one.ended({ timeout: 60_000 }))).then((ends) => {
        expect(ends).toEqual(['reset', 'reset'])
        measured('partition that stays, in plaintext', `the meshed end reset after ${since(cut)}`)
      }),
    ])
    const dialled = performance.now()
    expect(await Conversation.refusal(alice, `${bob.ip}:8081`)).toBe('reset')
    expect(performance.now() - dialled).toBeLessThan(15_000)
    const refused = await alice.sidecar.access('the refusal', ({ reason }) => reason === 'timeout')
    expect(String(refused['detail'])).toContain('NetworkPolicy')
    measured('partition that stays, dialled', `refused after ${since(dialled)} with a hint`)
    await first.heal()
    await second.heal()
    const healed = performance.now()
    using again = await converse(alice, `${bob.ip}:8081`, application)
    expect(again.client.end).toBeUndefined()
    measured('partition healed', `the next connection served within ${since(healed)}`)
    for (const talk of [tunnelled, into, outOf]) talk[Symbol.dispose]()
  })

  test('a partition from the control plane fails no connection; what changed meanwhile arrives behind it', {
    timeout: 90_000,
  }, async () => {
    using live = new Ticks(await carol.connect(`${bob.ip}:9000`))
    await live.more()
    await using cut = await partition(bob, plan.controlPlane)
    using _denied = denyCarol()
    await sleep(2_000)
    await live.more()
    expect(await echoed(alice, `${bob.ip}:7000`, 'a question')).toBe('a question')
    await cut.heal()
    const healed = performance.now()
    expect((await live.ended({ timeout: 60_000 })).how).toBe('reset')
    measured('partition from the control plane', `the change in force ${since(healed)} after the healing`)
  })

  test('5 % of all packets lost: everything arrives whole', { timeout: 120_000 }, async () => {
    await using _here = await loss(alice, 0.05)
    await using _there = await loss(bob, 0.05)
    const began = performance.now()
    const sent = randomBytes(10_000_000)
    const answers = await Promise.all([
      ...Array.from({ length: 50 }, async (_, i) => {
        expect(await echoed(alice, `${bob.ip}:7000`, `question ${i}`)).toBe(`question ${i}`)
      }),
      exchanged(alice, bob, sent),
    ])
    expect(answers.at(-1)).toBe(checksum(sent))
    measured('5 % packet loss', `10 MB each way and 50 connections in ${since(began)}, none failed`)
  })

  describe('a clock that is put', () => {
    let pod: Workload
    let clock: Clock

    beforeAll(async () => {
      pod = await mesh.workload('timely', { sidecar: false })
      clock = new Clock(join(mesh.registry.path, '..', 'clock'))
      await mesh.startSidecar(pod, clock.env, clock.program)
      await pod.app('ticker', ['--port', '9000'])
      await pod.app('echo', ['--port', '7000'])
    })

    test.each([
      ['forward by an hour', '+1h', 3_600_000],
      ['back by a minute', '-1m', -60_000],
    ])('%s changes nothing', async (_, offset, milliseconds) => {
      using live = new Ticks(await alice.connect(`${pod.ip}:9000`))
      await live.more()
      clock.set(offset)
      expect(Math.abs((await ownTime(pod)) - milliseconds)).toBeLessThan(5_000)
      await live.more()
      expect(await echoed(alice, `${pod.ip}:7000`, 'a question')).toBe('a question')
      expect(await echoed(pod, `${bob.ip}:7000`, 'a question')).toBe('a question')
      clock.set('+0')
      await live.more()
    })

    test.each([
      ['forward by two days, past the end of every certificate', '+2d'],
      ['back by two days, before any certificate', '-2d'],
    ])(
      '%s: live connections stay, new ones are refused, and all is well once it is right',
      async (_, offset) => {
        using live = new Ticks(await alice.connect(`${pod.ip}:9000`))
        await live.more()
        clock.set(offset)
        await live.more()
        // Whatever tunnel there was opens nothing more once the clock is past its certificates; going back needs a new one.
        await alice.sidecar.admin('POST /certificate/renew')
        await until('new connections to be refused', async () => {
          return (await Conversation.refusal(alice, `${pod.ip}:9000`).catch(() => undefined)) === 'reset'
        })
        await live.more(5)
        clock.set('+0')
        const right = performance.now()
        await until(
          'new connections to be served again',
          async () => {
            return (await echoed(alice, `${pod.ip}:7000`, 'a question')) === 'a question'
          },
          { timeout: 30_000 },
        )
        measured(`clock put ${_}`, `served again ${since(right)} after it was right`)
        await live.more()
      },
    )

    /** How far the sidecar's own time is from ours, in milliseconds. */
    async function ownTime(workload: Workload): Promise<number> {
      const { secondsLeft, notAfter } = (await workload.sidecar.admin('GET /certificate')) as {
        secondsLeft: number
        notAfter: string
      }
      return Date.parse(notAfter) - secondsLeft * 1_000 - Date.now()
    }
  })

  test('out of file descriptors a sidecar refuses what is new by a reset, keeps what it has, and recovers', async () => {
    using live = new Ticks(await alice.connect(`${carol.ip}:9000`))
    await live.more()
    for (const [short, what] of [
      [carol, 'the server’s'],
      [alice, 'the client’s'],
    ] as const) {
      await using few = openFiles(short, descriptors(short) + 8)
      const ends = await Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          try {
            return (await echoed(alice, `${carol.ip}:7000`, `question ${i}`, 15_000)) === `question ${i}`
              ? 'served'
              : 'cut short'
          } catch (error) {
            return (error as NodeJS.ErrnoException).code ?? String(error)
          }
        }),
      )
      measured(`${what} sidecar out of descriptors`, tally(ends))
      // Never an end that passes for an answer.
      expect(new Set(ends)).toEqual(new Set(['served', 'ECONNRESET']))
      await live.more()
      await few.heal()
      expect(await echoed(alice, `${carol.ip}:7000`, 'a question')).toBe('a question')
    }
    await live.more()
  })

  test('a full disk under the control plane stops what is new only, and says so; with room it goes on', {
    timeout: 90_000,
  }, async () => {
    await using other = await startMesh({ controlPlane: false })
    using _disk = smallDisk(other.controlPlane.stateDirectory, 65_532, '512k')
    await other.controlPlane.start()
    const [here, there] = await Promise.all([other.workload('here'), other.workload('there')])
    await there.app('ticker', ['--port', '9000'])
    using live = new Ticks(await here.connect(`${there.ip}:9000`))
    await live.more()
    const filler = join(other.controlPlane.stateDirectory, 'filler')
    fill(filler)
    other.registry.setWorkload({ ...there.entry, name: 'late', addresses: ['10.77.9.9'] })
    const told = await until('the control plane to say so', () => {
      return other.controlPlane.log.find((record) => JSON.stringify(record).includes('ENOSPC'))
    })
    expect(told['level']).toBe('error')
    // A change needs no disk.
    other.policy({ kind: 'AuthorizationPolicy', name: 'nobody', selector: { app: 'there' } })
    expect((await live.ended()).how).toBe('reset')
    rmSync(filler)
    const freed = performance.now()
    await other.controlPlane.token({ namespace: 'shop', name: 'late' })
    measured('full disk', `the late workload has its token ${since(freed)} after there was room`)
    await here.sidecar.admin('POST /certificate/renew')
  })

  function denyCarol(): Disposable {
    return mesh.policy({
      kind: 'AuthorizationPolicy',
      name: 'carol-no-more',
      selector: { app: 'choir' },
      action: 'Deny',
      rules: [{ from: [{ serviceAccounts: ['shop/carol'] }] }],
    })
  }
})

/** Connections one after the other, four at a time, until they are stopped. */
class Load {
  #carried = 0
  readonly #failures: string[] = []
  readonly #over = new AbortController()
  readonly #askers: Promise<unknown>

  constructor(from: Workload, target: string) {
    const keepAsking = async (): Promise<void> => {
      while (!this.#over.signal.aborted) {
        try {
          const answer = await echoed(from, target, 'a question')
          if (answer === 'a question') this.#carried += 1
          else this.#failures.push(`answered "${answer}"`)
        } catch (error) {
          this.#failures.push((error as Error).message)
        }
      }
    }
    this.#askers = Promise.all(Array.from({ length: 4 }, keepAsking))
  }

  async more(connections: number): Promise<void> {
    const goal = this.#carried + connections
    await until('more connections to be carried', () => this.#carried >= goal || this.#failures.length > 0)
  }

  /** Answers what failed. */
  async end(): Promise<readonly string[]> {
    this.#over.abort()
    await this.#askers
    return this.#failures
  }
}

/** What an echo answers; rejects as its connection did. */
async function echoed(from: Workload, target: string, said: string, timeout = 10_000): Promise<string> {
  const socket = await from.connect(target, { timeout })
  const late = setTimeout(() => socket.destroy(new Error(`no answer for ${timeout} ms`)), timeout)
  socket.end(said)
  return await text(socket).finally(() => clearTimeout(late))
}

/** Sends bytes to a pod's echo and answers the checksum of what came back. */
async function exchanged(from: Workload, to: Workload, sent: Buffer): Promise<string> {
  const socket = await from.connect(`${to.ip}:7000`, { timeout: 20_000 })
  socket.end(sent)
  const hash = createHash('sha256')
  for await (const bytes of socket as AsyncIterable<Buffer>) hash.update(bytes)
  return hash.digest('hex')
}

function checksum(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Open files of a workload's sidecar. */
function descriptors({ sidecar }: Workload): number {
  return readdirSync(`/proc/${sidecar.process.pid}/fd`).length
}

/** Writes until there is no room. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (;;) writeSync(file, Buffer.alloc(4_096))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}

function tally(ends: readonly string[]): string {
  const counts = Map.groupBy(ends, (end) => end)
  return Array.from(counts, ([end, all]) => `${all.length} ${end}`).join(', ')
}

function since(then: number): string {
  const milliseconds = performance.now() - then
  return milliseconds < 10_000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1_000).toFixed(0)} s`
}

function measured(fault: string, what: string): void {
  console.log(`measured: ${fault}: ${what}`)
}
