import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ports } from '#mesh/ports.ts'
import { errorCode, largest31 } from '#sidecar/tunnel/frames/protocol.ts'
import { Conversation, Listener } from '#test/harness/conversation.ts'
import { FakePeer, type FakeStream } from '#test/harness/fake-peer.ts'
import { Intruder } from '#test/harness/intruder.ts'
import { type Mesh, type Service, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'
import { type ChurnResult, churnLoad } from '#test/harness/wrk.ts'

const question = 'a question that must be heard once'

// A service with two endpoints: one answers, and what the other one does with a connection is up to each test.
describe.skipIf(lacks('retry', 'tcpdump', 'nginx', 'wrk'))('retry and replacement', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let stubborn: Workload
  let peer: FakePeer
  let choir: Service
  let application: Listener

  beforeAll(async () => {
    mesh = await startMesh()
    const labels = { app: 'choir' }
    ;[alice, bob, stubborn] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob', { labels }),
      mesh.workload('stubborn', { labels, sidecar: false, redirection: false }),
    ])
    application = await Listener.open(bob, 7000, {
      answer: (talk) => talk.socket.once('end', () => talk.finish()),
    })
    peer = await FakePeer.listen(mesh, stubborn)
    choir = mesh.service('choir', { ports: [{ port: 80, targetPort: 7000 }] })
    peer.react = (stream) => stream.answer(503)
    await until('the service to be known', async () => (await ask('is anybody there?')).end === 'fin')
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  test.each([
    ['503', (stream: FakeStream) => stream.answer(503)],
    ['REFUSED_STREAM', (stream: FakeStream) => stream.reset(errorCode.refusedStream)],
    ['GOAWAY below the stream', (stream: FakeStream) => stream.goAway(0)],
  ])('%s: what was said already goes to the other endpoint, whole and once', async (_, refuse) => {
    // It has all been said before the refusal, so that it had to be kept.
    peer.react = (stream) => void stream.hears(question).then(() => refuse(stream))
    const { heardByBob, end } = await askUntilStubbornWasAsked(question)
    expect(end).toBe('fin')
    expect(heardByBob).toEqual([question])
  })

  test.each([
    ['400', (stream: FakeStream) => stream.answer(400)],
    ['401', (stream: FakeStream) => stream.answer(401)],
    ['RST_STREAM that does not say refused', (stream: FakeStream) => stream.reset(errorCode.cancel)],
    ['a tunnel that is lost with the request', (stream: FakeStream) => stream.vanish()],
    [
      'GOAWAY behind the stream, and then the loss',
      (stream: FakeStream) => {
        stream.goAway(stream.id)
        stream.vanish()
      },
    ],
    [
      '200, and then a reset',
      (stream: FakeStream) => {
        stream.answer(200)
        stream.reset()
      },
    ],
    [
      '200, and then REFUSED_STREAM',
      (stream: FakeStream) => {
        stream.answer(200)
        stream.reset(errorCode.refusedStream)
      },
    ],
  ])('%s: the application is told, and nobody else hears what it said', async (_, refuse) => {
    peer.react = (stream) => void stream.hears(question).then(() => refuse(stream))
    const { heardByBob, end } = await askUntilStubbornWasAsked(question)
    expect(end).toBe('reset')
    expect(heardByBob).toEqual([])
  })

  test('until the answer the application is read no further than what is kept; then all of it arrives', async () => {
    peer.react = () => {}
    const long = randomBytes(1_000_000)
    const before = peer.streams.length
    using client = await Conversation.dial(alice, `${stubborn.ip}:7000`)
    client.say(long)
    client.finish()
    const stream = await until('the stream', () => peer.streams[before])
    await sleep(300)
    const early = stream.heard.length
    // 64 KiB, and the one read that goes beyond.
    expect(early).toBeGreaterThan(0)
    expect(early).toBeLessThan(128 * 1024)
    stream.answer(200)
    await stream.told('end')
    expect(checksum(stream.heard)).toBe(checksum(long))
    stream.end()
    expect(await client.ended()).toBe('fin')
  })

  test('a long beginning is kept whole: another endpoint gets every byte of it', async () => {
    peer.react = (stream) => {
      void until('some of it', () => stream.heard.length >= 64 * 1024).then(() => stream.answer(503))
    }
    const long = randomBytes(300_000)
    const { heardByBob, end } = await askUntilStubbornWasAsked(long.toString('hex'))
    expect(end).toBe('fin')
    expect(heardByBob.map(checksum)).toEqual([checksum(long.toString('hex'))])
  })

  describe('an endpoint that cannot be dialled is passed over', () => {
    test.each([
      [
        'nobody listens on its tunnel port',
        async () =>
          mesh.workload('silent', { labels: { app: 'silent' }, sidecar: false, redirection: false }),
      ],
      [
        'it proves another identity',
        async () => {
          const pod = await mesh.workload('liar', {
            labels: { app: 'liar' },
            sidecar: false,
            redirection: false,
          })
          await FakePeer.listen(mesh, pod, await new Intruder(mesh, stubborn).leaf())
          return pod
        },
      ],
      [
        'it speaks no TLS',
        async () => {
          const pod = await mesh.workload('mumbler', {
            labels: { app: 'mumbler' },
            sidecar: false,
            redirection: false,
          })
          await Listener.open(pod, ports.hbone, { answer: (talk) => talk.say('220 at your service\r\n') })
          return pod
        },
      ],
    ])('%s', async (_, make) => {
      await using capture = await mesh.capture()
      const pod = await make()
      const service = mesh.service(`${pod.name}-and-bob`, {
        selector: { of: pod.name },
        ports: [{ port: 80, targetPort: 7000 }],
      })
      pod.update({ labels: { of: pod.name } })
      const labels = bob.entry.labels
      bob.update({ labels: { ...labels, of: pod.name } })
      await until('alice to know both', async () => (await endpointsOf(service)).length === 2)
      for (let i = 0; i < 8; i++) {
        const said = `said ${i} of ${pod.name}`
        const { end } = await ask(said, `${service.ip}:80`)
        expect(end).toBe('fin')
        expect(heard(said)).toEqual([said])
      }
      expect(await capture.contains(`of ${pod.name}`)).toBe(false)
      bob.update({ labels })
      service.remove()
      pod.unregister()
    })
  })

  test('a hundred connections that need a tunnel at once share one', async () => {
    const pod = await mesh.workload('shared', { sidecar: false, redirection: false })
    using shared = await FakePeer.listen(mesh, pod)
    shared.react = (stream) => stream.answer(200)
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => Conversation.dial(alice, `${pod.ip}:7000`)),
    )
    for (const [i, client] of clients.entries()) client.say(`one of a hundred: ${i}.`)
    await until('all to be heard', () => {
      return shared.streams.filter(({ heard }) => heard.includes('one of a hundred')).length === 100
    })
    expect(shared.tunnels.length).toBe(1)
    for (const client of clients) client.reset()
  })

  test('a tunnel that drains opens nothing more: the next connection has another, and the earlier one lives on', async () => {
    const pod = await mesh.workload('draining', { sidecar: false, redirection: false })
    using draining = await FakePeer.listen(mesh, pod)
    draining.react = (stream) => stream.answer(200)
    const dial = async (said: string) => {
      const client = (await Conversation.dial(alice, `${pod.ip}:7000`)).say(said)
      const stream = await until('the stream', () =>
        draining.streams.find(({ heard }) => heard.includes(said)),
      )
      return { client, stream }
    }
    const first = await dial('before the notice')
    const tunnels = draining.tunnels.length
    // Says that it will end, and refuses nothing yet.
    first.stream.goAway(largest31)
    await sleep(50)
    const second = await dial('behind the notice')
    expect(draining.tunnels.length).toBe(tunnels + 1)
    expect(second.stream.story).toEqual(['head', 'bytes'])
    first.stream.say('still here')
    await first.client.hears('still here')
    first.stream.end()
    expect(await first.client.ended()).toBe('fin')
    second.client.reset()
  })

  test('at as many new connections as the machine carries, rotations and a drain fail none', {
    timeout: 180_000,
  }, async () => {
    const pods = await Promise.all(
      ['stays', 'goes'].map((name) => mesh.workload(name, { labels: { app: 'busy' } })),
    )
    await Promise.all(pods.map(serveHttp))
    const busy = mesh.service('busy', { ports: [{ port: 80, targetPort: 7000 }] })
    const url = `http://${busy.ip}/`
    const busyName = 'shop/busy.shop.svc.cluster.local'
    await until('the service to be known', () =>
      alice.http(url).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    const goes = pods[1]!
    const rounds: ChurnResult[] = []
    /** Does it in the midst of two seconds of new connections, 32 at a time. */
    const meanwhile = async (act: () => Promise<unknown>): Promise<void> => {
      const load = churnLoad(alice, { url, connections: 32, duration: 2 })
      await Promise.all([load, sleep(500).then(act)])
      rounds.push(await load)
    }
    // Compiled code is what carries the most.
    await meanwhile(async () => {})
    for (let rotation = 0; rotation < 3; rotation++) {
      await meanwhile(() =>
        Promise.all([alice, ...pods].map(({ sidecar }) => sidecar.admin('POST /certificate/renew'))),
      )
    }
    await meanwhile(async () => {
      goes.sidecar.signal('SIGTERM')
      goes.update({ ready: false })
      expect(await goes.sidecar.process.exited).toEqual({ code: 0, signal: null })
    })
    await meanwhile(async () => {})
    const rates = rounds.map(({ perSecond }) => perSecond.toFixed(0))
    const [carried, failed] = [
      sum(rounds.map((each) => each.requests)),
      sum(rounds.map((each) => each.failed)),
    ]
    console.log(`${carried} connections, ${rates.join(', ')} a second, ${failed} failed`)
    // What wrk has open when its time is up it aborts, and does not count.
    const refusals = [alice, ...pods].flatMap(({ name, sidecar }) => {
      const refused = sidecar
        .accessLog()
        .filter(({ outcome, service }) => outcome === 'refused' && service === busyName)
      return refused.map(({ reason, detail }) => `${name}: ${String(reason)}: ${String(detail)}`)
    })
    expect({ refusals, failed }).toEqual({ refusals: [], failed: 0 })
    expect(carried).toBeGreaterThan(500)
  })

  /** Says something to the service, ends, and answers how the other side ended. */
  async function ask(said: string, target = `${choir.ip}:80`) {
    using client = await Conversation.dial(alice, target)
    client.finish(said)
    return { end: await client.ended() }
  }

  /** Asks until one of the connections came by the stubborn endpoint; answers about that one. */
  async function askUntilStubbornWasAsked(said: string) {
    return await until('the stubborn endpoint to be asked', async () => {
      const asked = peer.streams.length
      const before = application.taken.length
      const { end } = await ask(said)
      if (peer.streams.length === asked) return false
      return {
        end,
        heardByBob: application.taken
          .slice(before)
          .map(({ heard }) => heard.toString())
          .filter(Boolean),
      }
    })
  }

  /** Who alice thinks a service leads to. */
  async function endpointsOf({ namespace, name }: Service): Promise<readonly string[]> {
    const { services } = (await alice.sidecar.admin('GET /config')) as {
      services: ReadonlyArray<{ name: string; endpoints: readonly string[] }>
    }
    return services.find((service) => service.name.startsWith(`${namespace}/${name}.`))?.endpoints ?? []
  }

  /** What bob heard with this in it. */
  function heard(said: string): string[] {
    return application.taken.map(({ heard }) => heard.toString()).filter((whole) => whole.includes(said))
  }
})

/** nginx on port 7000, which ends each connection after its answer. */
async function serveHttp(pod: Workload): Promise<void> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path temporary;`,
  )
  const server = 'server { listen 7000; keepalive_timeout 0; location / { return 200 "nginx here"; } }'
  const http = `http { access_log off; ${temporary.join(' ')} ${server} }`
  writeFileSync(join(pod.directory, 'nginx.conf'), `daemon off; pid nginx.pid; events {} ${http}`)
  await pod.start(['nginx', '-p', pod.directory, '-c', 'nginx.conf', '-e', 'stderr'])
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

function checksum(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex')
}
