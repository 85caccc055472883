import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

const greeting = '220 at your service\r\n'

// Rows of what must keep working that have no place in another file; docs/reliability.md lists where each row is.
describe.skipIf(lacks('rows', 'socat'))('rows', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let outsider: Workload
  let internet: Workload

  beforeAll(async () => {
    mesh = await startMesh()
    const elsewhere = { meshed: false, registered: false }
    ;[alice, bob, outsider, internet] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob'),
      mesh.workload('outsider', { meshed: false }),
      mesh.workload('internet', { ...elsewhere, addresses: ['192.0.2.10'] }),
    ])
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  test('row 7: pods of a StatefulSet are reached by their own addresses, each as who it is', async () => {
    const pods = await Promise.all(
      ['db-0', 'db-1'].map((name) =>
        mesh.workload(name, { serviceAccount: 'database', labels: { app: 'db' } }),
      ),
    )
    mesh.service('db', { headless: true, ports: [{ name: 'sql', port: 5432, targetPort: 5432 }] })
    for (const pod of pods) {
      using application = await Listener.open(pod, 5432)
      using _talk = await converse(alice, `${pod.ip}:5432`, application)
      expect(application.taken).toHaveLength(1)
      const live = await alice.sidecar.connections()
      expect(live.filter(({ destination }) => destination === `${pod.ip}:5432`)).toMatchObject([
        { security: 'mutual_tls', peer: 'spiffe://cluster.local/ns/shop/sa/database' },
      ])
    }
  })

  test('row 19: DNS over UDP passes untouched', async () => {
    for (const server of [bob, outsider]) {
      await server.start(['socat', 'UDP4-LISTEN:53,fork', 'EXEC:cat'])
      const answer = await until('an answer over UDP', async () => {
        const asked = ['sh', '-c', `printf 'who is bob?' | socat -t 1 - UDP4:${server.ip}:53`]
        return (await alice.run(asked)).includes('who is bob?')
      })
      expect(answer).toBe(true)
    }
    const told = [alice, bob].flatMap(({ sidecar }) => sidecar.accessLog())
    expect(told.filter(({ destination }) => String(destination).endsWith(':53'))).toEqual([])
  })

  test('row 19: DNS over TCP is answered without a delay', async () => {
    for (const server of [bob, outsider]) {
      using _application = await Listener.open(server, 53, {
        answer: (talk) => talk.socket.once('data', () => talk.say('bob is here')),
      })
      const asked = performance.now()
      using client = (await Conversation.dial(alice, `${server.ip}:53`)).say('who is bob?')
      await client.hears('bob is here')
      expect(performance.now() - asked).toBeLessThan(2_000)
    }
  })

  test('row 23: nothing but TCP is redirected', async () => {
    const rules = (await alice.run(['iptables-save', '-t', 'nat'], { uid: 0 })).split('\n')
    const hooks = rules.filter((rule) => /^-A (PREROUTING|INPUT|OUTPUT|POSTROUTING) /.test(rule))
    expect(hooks.length).toBeGreaterThan(0)
    expect(hooks.filter((rule) => !/ -p tcp /.test(rule))).toEqual([])
  })

  test('row 24: cloud metadata is asked directly, not by the sidecar', async () => {
    const metadata = await mesh.workload('metadata', {
      meshed: false,
      registered: false,
      addresses: ['169.254.169.254'],
    })
    using application = await Listener.open(metadata, 80)
    using talk = await converse(alice, '169.254.169.254:80', application)
    expect(talk.server.socket.remoteAddress).toBe(alice.ip)
    const live = await alice.sidecar.connections()
    expect(live.filter(({ destination }) => String(destination).startsWith('169.254.'))).toEqual([])
  })

  test('row 25: what lies outside of the mesh is passed on as it is, unless told otherwise', async () => {
    using application = await Listener.open(internet, 80)
    using _talk = await converse(alice, '192.0.2.10:80', application)
    const live = await alice.sidecar.connections()
    expect(live.filter(({ destination }) => destination === '192.0.2.10:80')).toMatchObject([
      { direction: 'outbound', security: 'none' },
    ])
  })

  test('row 31: the application sees its own pod as the peer; log and metrics have the real one', async () => {
    using application = await Listener.open(bob, 7031, { answer: (talk) => talk.say(greeting) })
    {
      using talk = await converse(alice, `${bob.ip}:7031`, application)
      expect(talk.server.socket.remoteAddress).toBe(bob.ip)
      talk.client.finish()
      talk.server.finish()
      await talk.client.ended()
    }
    const record = await bob.sidecar.access('alice’s', ({ destination }) => destination === `${bob.ip}:7031`)
    expect(record).toMatchObject({
      direction: 'inbound',
      source: alice.ip,
      sourceWorkload: 'shop/alice',
      peer: 'spiffe://cluster.local/ns/shop/sa/alice',
    })
    const labels = { source_principal: 'spiffe://cluster.local/ns/shop/sa/alice', reporter: 'destination' }
    expect(await bob.sidecar.metric('istio_tcp_connections_closed_total', labels)).toBeGreaterThan(0)
  })

  test('row 45: without a control plane what nobody has heard of is refused, and the way out stays open', async () => {
    await mesh.controlPlane.kill()
    using known = await Listener.open(bob, 7045, { answer: (talk) => talk.say(greeting) })
    using outside = await Listener.open(internet, 7045)
    using through = await Conversation.dial(alice, `${bob.ip}:7045`)
    await through.hears(greeting)
    const asked = performance.now()
    expect(await Conversation.refusal(alice, '10.77.200.9:80')).toBe('reset')
    // Asking and waiting for nobody's answer takes a second.
    expect(performance.now() - asked).toBeLessThan(5_000)
    const refused = await alice.sidecar.access('of nobody', ({ reason }) => reason === 'unknown_in_mesh')
    expect(refused['destination']).toBe('10.77.200.9:80')
    using beyond = await converse(alice, '192.0.2.10:7045', outside)
    expect([known.taken.length, beyond.client.end]).toEqual([1, undefined])
    await mesh.controlPlane.start()
  })
})
