import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Conversation, converse, Listener, type Pair } from '#test/harness/conversation.ts'
import { writeNoFile } from '#test/harness/faults.ts'
import { Intruder, type Leaf } from '#test/harness/intruder.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { OpensslAuthority } from '#test/harness/openssl.ts'
import { lacks } from '#test/harness/requirements.ts'
import { Ticks } from '#test/harness/ticks.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

/** The shortest that the control plane issues, in seconds. */
const lifetime = 10

// Certificates that live for ten seconds, so that what takes days elsewhere happens under the test's eyes.
describe.skipIf(lacks('certificates', 'openssl', 'prlimit'))('certificates', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let intruder: Intruder
  let application: Listener
  /** Begun with the first certificates of both. */
  let oldest: Ticks
  let quiet: Pair
  let firstLeaf: Leaf

  beforeAll(async () => {
    mesh = await startMesh({ controlPlane: { WEFT_CERTIFICATE_LIFETIME: `${lifetime}s` } })
    ;[alice, bob] = await Promise.all([mesh.workload('alice'), mesh.workload('bob')])
    await bob.app('ticker', ['--port', '9000'])
    application = await Listener.open(bob, 8080)
    oldest = new Ticks(await alice.connect(`${bob.ip}:9000`))
    quiet = await converse(alice, `${bob.ip}:8080`, application)
    intruder = new Intruder(mesh, alice)
    firstLeaf = await intruder.leaf()
  })

  afterAll(async () => {
    oldest?.[Symbol.dispose]()
    quiet?.[Symbol.dispose]()
    await mesh?.[Symbol.asyncDispose]()
  })

  test('connections live through five certificates of both ends, and none fails that is made meanwhile', async () => {
    const begun = await Promise.all([renewals(alice), renewals(bob)])
    const over = new AbortController()
    let carried = 0
    const keepAsking = async (): Promise<void> => {
      while (!over.signal.aborted) {
        using fresh = new Ticks(await alice.connect(`${bob.ip}:9000`))
        await fresh.more(1)
        carried += 1
        await sleep(20)
      }
    }
    const asking = Promise.all([keepAsking(), keepAsking()])
    await Promise.race([
      asking,
      until(
        'both to have renewed five times',
        async () => {
          const now = await Promise.all([renewals(alice), renewals(bob)])
          return now.every((count, i) => count >= begun[i]! + 5)
        },
        { timeout: 50_000, interval: 500 },
      ),
    ])
    over.abort()
    await asking
    expect(carried).toBeGreaterThan(100)
    await oldest.more()
    await stillCarries(quiet)
  })

  test('a private key is in no file: one that can write none renews all the same', async () => {
    await using _ = writeNoFile(bob.sidecar.process.pid)
    const before = await renewals(bob)
    await until('two renewals', async () => (await renewals(bob)) >= before + 2, { timeout: 30_000 })
    using fresh = new Ticks(await alice.connect(`${bob.ip}:9000`))
    await fresh.more(1)
  })

  test('they are renewed at half their life, neither before nor after', async () => {
    const counts: number[] = []
    const started = performance.now()
    const before = await renewals(bob)
    await until('two more', async () => (counts[0] = await renewals(bob)) >= before + 2, { timeout: 20_000 })
    const seconds = (performance.now() - started) / 1_000
    // Between 0.4 and 0.5 of ten seconds each, and the first may have been due at once.
    expect(seconds).toBeGreaterThan(3.5)
    expect(seconds).toBeLessThan(11.5)
  })

  test('the connection that is older than five certificates is not newer in anybody’s eyes', async () => {
    const open = await bob.sidecar.connections()
    const serials = new Set(open.map(({ peerSerial }) => peerSerial))
    const { serial } = (await alice.sidecar.admin('GET /certificate')) as { serial: string }
    expect(serials.has(serial)).toBe(false)
    expect(open.length).toBeGreaterThanOrEqual(2)
  })

  describe('after all these rotations the door is as narrow as before', () => {
    test('a fresh certificate opens it', async () => {
      expect(await ask(await intruder.leaf())).toBe(200)
    })

    test('one that was good a minute ago does not', async () => {
      await until(
        'it to have expired',
        () => Date.parse(new Date().toISOString()) > begunAt + lifetime * 1_000,
        {
          timeout: 15_000,
        },
      )
      expect(await ask(firstLeaf)).toBe('refused')
    })

    test('nor does none', async () => {
      expect(await ask({})).toBe('refused')
    })

    test('nor TLS 1.2', async () => {
      expect(await ask({ ...(await intruder.leaf()), maxVersion: 'TLSv1.2' })).toBe('refused')
    })

    test('nor HTTP/1', async () => {
      expect(await ask({ ...(await intruder.leaf()), ALPNProtocols: ['http/1.1'] })).toBe('refused')
    })

    test('nor a session from before: no ticket resumes anything', async () => {
      const leaf = await intruder.leaf()
      const before = await intruder.handshake(bob, leaf)
      const ticket = once(before, 'session').then(([session]) => session as Buffer)
      const session = await Promise.race([ticket, sleep(500)])
      before.destroy()
      if (session === undefined) return
      const resumed = await intruder.handshake(bob, { ...leaf, session })
      expect(resumed.isSessionReused()).toBe(false)
      resumed.destroy()
      expect(await ask({ session })).toBe('refused')
    })

    test('nor somebody else’s root', async () => {
      using foreign = OpensslAuthority.foreign()
      expect(await ask(foreign.leaf({ names: 'URI:spiffe://cluster.local/ns/shop/sa/alice' }))).toBe(
        'refused',
      )
    })
  })

  test('while nobody signs, the old ones serve to their end; then nothing new begins, and nothing live ends', async () => {
    await mesh.controlPlane.stop()
    const began = performance.now()
    try {
      const { notAfter } = (await bob.sidecar.admin('GET /certificate')) as { notAfter: string }
      const expiry = await bob.sidecar.metric('weft_certificate_expiry_timestamp_seconds')
      expect(Math.abs(expiry - Date.parse(notAfter) / 1_000)).toBeLessThan(1)

      const failures = await until('a renewal to have failed', () => failuresOf(bob), { timeout: 10_000 })
      // Long before the end: told, counted, and of no consequence.
      expect(Date.now() / 1_000).toBeLessThan(expiry)
      expect(failures[0]).toMatchObject({ level: 'warn' })
      expect(failures[0]!['secondsLeft']).toBeGreaterThan(2)
      using _served = await converse(alice, `${bob.ip}:8080`, application)

      await until('both to have ended', () => Date.now() / 1_000 > expiry + 1, { timeout: 15_000 })
      await until('nobody to be reached', async () => (await refusal()) === 'reset', { timeout: 15_000 })
      expect((await mesh.probe(bob)).readiness).toMatch(/^503 waits for a certificate/)
      await oldest.more()
      await stillCarries(quiet)
      await spaced(await failuresOf(bob))
    } finally {
      await mesh.controlPlane.start()
    }
    await until('a new connection to be made', () => converse(alice, `${bob.ip}:8080`, application), {
      timeout: 40_000,
    })
    expect((await mesh.probe(bob)).readiness).toBe('200 ready')
    expect(performance.now() - began).toBeLessThan(60_000)
    await oldest.more()
    await stillCarries(quiet)
  })

  const begunAt = Date.now()

  /** The waits between failed renewals grow: whoever signs is not to be woken by a crowd. */
  async function spaced(failures: readonly Record<string, unknown>[] | false): Promise<void> {
    const times = (failures || []).map(({ time }) => Date.parse(String(time)))
    const waits = times.slice(1).map((time, i) => time - times[i]!)
    expect(waits.length).toBeGreaterThanOrEqual(3)
    expect(Math.max(...waits.slice(-2))).toBeGreaterThan(2 * waits[0]!)
    expect(await bob.sidecar.metric('weft_certificate_failures_total')).toBeGreaterThanOrEqual(times.length)
  }

  async function failuresOf(pod: Workload) {
    const failures = pod.sidecar.log.filter(
      ({ message }) => message === 'the certificate could not be obtained',
    )
    return failures.length > 0 && failures
  }

  async function refusal() {
    try {
      using talk = await Conversation.dial(alice, `${bob.ip}:8080`)
      return await talk.ended({ timeout: 2_000 })
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ECONNRESET' ? 'reset' : undefined
    }
  }

  async function renewals(pod: Workload): Promise<number> {
    return await pod.sidecar.metric('weft_certificate_renewals_total')
  }

  async function ask(options: ConnectionOptions) {
    return await intruder.ask(bob, options, { ':authority': `${bob.ip}:8080` })
  }

  async function stillCarries({ client, server }: Pair): Promise<void> {
    const words = `are you there at ${performance.now()}?\n`
    client.say(words)
    await server.hears(words)
    server.say('yes\n')
    await client.hears('yes\n')
  }
})
