import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { Ticks } from '#test/harness/ticks.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// Pods and processes begin and end, as asked or not, and what is connected knows it.
describe.skipIf(lacks('lifecycle'))('lifecycle', () => {
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
    await Promise.all([bob, carol].map((pod) => pod.app('ticker', ['--port', '9000'])))
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe('a pod becomes ready only when the kernel redirects', () => {
    const noProbe = '503 waits for a startup probe on port 15099, which shows that inbound is redirected'
    const noCanary = '503 waits for redirection of 127.0.0.1: is weft-init missing, or ip6tables?'
    const inbound = ['PREROUTING', '-p', 'tcp', '-j', 'WEFT_INBOUND']
    const outbound = ['OUTPUT', '-p', 'tcp', '-j', 'WEFT_OUTPUT']

    test('with no rules it never does', async () => {
      const pod = await mesh.workload('bare', { redirection: false, sidecar: false })
      await mesh.launchSidecar(pod)
      await hasEverythingElse(pod)
      const { startup, readiness } = await mesh.probe(pod)
      expect(startup).toContain('ECONNREFUSED')
      expect(readiness).toBe(noProbe)
    })

    test('with no rules for what comes in it does not, and the startup probe fails', async () => {
      const pod = await mesh.workload('deaf', { sidecar: false })
      await pod.run(['iptables', '-t', 'nat', '-D', ...inbound], { uid: 0 })
      await mesh.launchSidecar(pod)
      await hasEverythingElse(pod)
      const { startup, readiness } = await mesh.probe(pod)
      expect(startup).toContain('ECONNREFUSED')
      expect(readiness).toBe(noProbe)
      await pod.run(['iptables', '-t', 'nat', '-A', ...inbound], { uid: 0 })
      await becomesReady(pod)
    })

    test('with no rules for what goes out it does not, though the startup probe arrives', async () => {
      const pod = await mesh.workload('dumb', { sidecar: false })
      await pod.run(['iptables', '-t', 'nat', '-D', ...outbound], { uid: 0 })
      await mesh.launchSidecar(pod)
      await hasEverythingElse(pod)
      expect(await mesh.probe(pod)).toEqual({ startup: noCanary, readiness: noCanary })
      await pod.run(['iptables', '-t', 'nat', '-A', ...outbound], { uid: 0 })
      await becomesReady(pod)
    })

    /** All that readiness asks for but redirection. */
    async function hasEverythingElse({ sidecar }: Workload): Promise<void> {
      await until('its certificate, its own workload and the trust bundle', async () => {
        const config = (await sidecar.admin('GET /config')) as Record<string, unknown>
        const { serial } = (await sidecar.admin('GET /certificate')) as { serial?: string }
        return serial !== undefined && config['own'] !== undefined && config['trust'] !== undefined
      })
    }

    async function becomesReady(pod: Workload): Promise<void> {
      await until('the pod to be ready', async () => {
        const { startup, readiness } = await mesh.probe(pod)
        return startup === '200 ready' && readiness === '200 ready'
      })
    }
  })

  describe('told to end, a sidecar', () => {
    test('is ready no more, serves on in both directions, and ends with the last connection', async () => {
      const pod = await mesh.workload('leaving')
      using application = await Listener.open(pod, 8080)
      using elsewhere = await Listener.open(outsider, 8080)
      using live = await converse(alice, `${pod.ip}:8080`, application)
      pod.sidecar.signal('SIGTERM')
      await until('it to be ready no more', async () => (await mesh.probe(pod)).readiness.startsWith('503'))
      expect((await mesh.probe(pod)).readiness).toBe('503 waits for nothing: it is draining')

      for (const talk of [
        await converse(alice, `${pod.ip}:8080`, application),
        await converse(outsider, `${pod.ip}:8080`, application),
        await converse(pod, `${outsider.ip}:8080`, elsewhere),
      ]) {
        talk.client.finish()
        talk.server.finish()
        expect([await talk.client.ended(), await talk.server.ended()]).toEqual(['fin', 'fin'])
      }
      live.client.say('the last word')
      await live.server.hears('the last word')
      live.client.finish()
      live.server.finish()
      expect(await pod.sidecar.process.exited).toEqual({ code: 0, signal: null })
      expect(pod.sidecar.accessLog().every(({ outcome }) => outcome === 'closed')).toBe(true)
    })

    test('loses no connection of a service that it is one endpoint of', async () => {
      const pods = await Promise.all(
        ['stays', 'goes'].map((name) => mesh.workload(name, { labels: { app: 'echo' } })),
      )
      await Promise.all(pods.map((pod) => pod.app('echo', ['--port', '7000'])))
      const service = mesh.service('echo', { ports: [{ port: 80, targetPort: 7000 }] })
      const ask = async (): Promise<void> => {
        const socket = await alice.connect(`${service.ip}:80`)
        socket.end('a question')
        expect(await text(socket)).toBe('a question')
      }
      await until('the service to be known', async () => {
        await ask()
        return true
      })
      const over = new AbortController()
      const askers = Array.from({ length: 8 }, async () => {
        while (!over.signal.aborted) await ask()
      })
      const goes = pods[1]!
      // As Kubernetes does: the endpoint goes and the sidecar is told to end, neither waiting for the other.
      goes.sidecar.signal('SIGTERM')
      goes.update({ ready: false })
      expect(await Promise.race([goes.sidecar.process.exited, ...askers])).toEqual({ code: 0, signal: null })
      over.abort()
      await Promise.all(askers)
    })

    test('ends at its deadline all the same, and resets what is still connected', async () => {
      const pod = await mesh.workload('hurried', { sidecar: { WEFT_DRAIN_DEADLINE: '300ms' } })
      using application = await Listener.open(pod, 8080)
      using encrypted = await converse(alice, `${pod.ip}:8080`, application)
      using plain = await converse(outsider, `${pod.ip}:8080`, application)
      pod.sidecar.signal('SIGTERM')
      expect(await pod.sidecar.process.exited).toEqual({ code: 0, signal: null })
      for (const { client, server } of [encrypted, plain]) {
        expect([await client.ended(), await server.ended()]).toEqual(['reset', 'reset'])
      }
      const records = pod.sidecar.accessLog()
      expect(records.map(({ outcome, reason }) => ({ outcome, reason }))).toEqual([
        { outcome: 'cut', reason: 'drained' },
        { outcome: 'cut', reason: 'drained' },
      ])
    })
  })

  test('a sidecar with a bad environment names every problem, and ends with status 1', async () => {
    const pod = await mesh.workload('mistaken', { sidecar: false })
    const { process } = await mesh.launchSidecar(pod, {
      WEFT_POD_NAME: '',
      WEFT_POD_IPS: '10.77.1',
      WEFT_CONTROL_PLANE: 'nowhere',
      WEFT_LOG_LEVEL: 'loud',
      WEFT_DRAIN_DEADLINE: 'soon',
      WEFT_TRUST_DOMAIN: 'Not A Domain',
    })
    expect(await process.exited).toEqual({ code: 1, signal: null })
    const said = new Set(pod.sidecar.log.map(({ message }) => message))
    const problems = [
      'WEFT_CONTROL_PLANE is "nowhere": write host:port',
      'WEFT_DRAIN_DEADLINE is "soon": write a duration such as 500ms, 30s, 5m or 24h',
      'WEFT_LOG_LEVEL is "loud": write debug or info or warn or error',
      'WEFT_POD_IPS is "10.77.1": write a comma-separated list of the pod’s IP addresses',
      'WEFT_POD_NAME is not set: write a text',
      'WEFT_TRUST_DOMAIN is "Not A Domain": write a trust domain such as cluster.local',
    ]
    expect(said).toEqual(new Set(problems))
  })

  test('a sidecar that is killed leaves its peers with a reset, not with silence, and can come again', async () => {
    const pod = await mesh.workload('victim')
    using application = await Listener.open(pod, 8080)
    using encrypted = await converse(alice, `${pod.ip}:8080`, application)
    using away = await Listener.open(bob, 8080)
    using outward = await converse(pod, `${bob.ip}:8080`, away)
    using asked = await converse(alice, `${pod.ip}:8080`, application)
    asked.client.finish('the whole question')
    await asked.server.ended()
    await pod.sidecar.kill()
    expect(await asked.client.ended({ timeout: 1_000 })).toBe('reset')
    expect(await encrypted.client.ended({ timeout: 1_000 })).toBe('reset')
    expect(await outward.server.ended({ timeout: 1_000 })).toBe('reset')
    expect(await Conversation.refusal(alice, `${pod.ip}:8080`)).toBe('reset')

    await mesh.startSidecar(pod)
    using again = await converse(alice, `${pod.ip}:8080`, application)
    expect(again.client.end).toBeUndefined()
  })

  test('without a control plane, killed, everything known goes on; when it is back, what is new arrives', async () => {
    using live = new Ticks(await alice.connect(`${bob.ip}:9000`))
    await live.more()
    await mesh.controlPlane.kill()
    using known = new Ticks(await alice.connect(`${bob.ip}:9000`))
    // Nobody dialled this one before: a tunnel of its own, by what alice had been told.
    using neverDialled = new Ticks(await carol.connect(`${bob.ip}:9000`))
    await Promise.all([live.more(), known.more(), neverDialled.more()])

    await mesh.controlPlane.start()
    using _denied = mesh.policy({
      kind: 'AuthorizationPolicy',
      name: 'carol-no-more',
      selector: { app: 'choir' },
      action: 'Deny',
      rules: [{ from: [{ serviceAccounts: ['shop/carol'] }] }],
    })
    expect((await neverDialled.ended()).how).toBe('reset')
    await Promise.all([live.more(), known.more()])
  })

  test('a bad registry file changes nothing, and the control plane says where it is bad', async () => {
    const { registry, controlPlane } = mesh
    using live = new Ticks(await alice.connect(`${bob.ip}:9000`))
    registry.writeText(
      'mesh:\n  networks: [10.77.0.0/16]\nworkloads:\n  - name: bob\n    adresses: [10.77.1.2]\n',
    )
    const problems = await until('the control plane to refuse it', () => {
      const said = controlPlane.log.filter(({ message }) => message === 'registry file refused')
      return said.length > 0 && said.map(({ problem }) => String(problem))
    })
    expect(problems.find((problem) => problem.includes('adresses'))).toMatch(
      new RegExp(`^${registry.path}:5:\\d+ workloads\\[0\\]`),
    )
    expect(await controlPlane.metrics()).toMatch(/^weft_registry_rejected 1$/m)
    await live.more()
    using _another = await reached(bob)

    registry.setMesh({})
    await until('the good file to be taken', async () => {
      return (await controlPlane.metrics()).includes('\nweft_registry_rejected 0')
    })
    await live.more()
  })

  test('row 43: an endpoint that is not ready gets nothing new, and keeps what it has', async () => {
    const choir = mesh.service('choir', { ports: [{ port: 80, targetPort: 9000 }] })
    using all = new DisposableStack()
    const open = async (): Promise<Ticks> => {
      const ticks = all.use(new Ticks(await alice.connect(`${choir.ip}:80`)))
      await ticks.more(1)
      return ticks
    }
    const openAt = async ({ ip }: Workload): Promise<number> => {
      const live = await alice.sidecar.connections()
      return live.filter((one) => one['service'] !== undefined && one['endpoint'] === `${ip}:9000`).length
    }
    const first = await until('the service to be known', open)
    const held = [first, await open(), await open(), await open()]
    expect(await openAt(bob)).toBe(2)
    bob.update({ ready: false })
    // Bob has fewer connections with each that carol gets, so the next would be his.
    await until('nothing new to go to bob', async () => {
      const had = await openAt(bob)
      for (let i = 0; i < 5; i++) await open()
      return (await openAt(bob)) === had
    })
    expect(await openAt(carol)).toBeGreaterThan(await openAt(bob))
    await Promise.all(held.map((ticks) => ticks.more()))
    bob.update({ ready: true })
    choir.remove()
  })

  async function reached(workload: Workload): Promise<Ticks> {
    const ticks = new Ticks(await alice.connect(`${workload.ip}:9000`))
    await ticks.more()
    return ticks
  }
})
