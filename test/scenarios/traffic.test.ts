import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { formatSocketAddress, type IpAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { type Mesh, type Policy, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import type { AccessRecord } from '#test/harness/sidecar.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

const families = [
  { family: 'IPv4', index: 0, loopback: '127.0.0.1', any: '0.0.0.0' },
  { family: 'IPv6', index: 1, loopback: '::1', any: '::' },
] as const

const greeting = '220 at your service\r\n'

// What applications may expect of the mesh: the rows of traffic that have nothing to do with a setting.
describe.skipIf(lacks('traffic', 'curl', 'openssl', 'tcpdump'))('traffic', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let carol: Workload
  let outsider: Workload

  beforeAll(async () => {
    mesh = await startMesh({ ipv6: true })
    ;[alice, bob, carol, outsider] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob', { labels: { app: 'choir' } }),
      mesh.workload('carol', { labels: { app: 'choir' } }),
      mesh.workload('outsider', { meshed: false }),
    ])
  })

  beforeEach(async () => {
    const open = async ({ sidecar }: Workload) => await sidecar.connections()
    await until('earlier connections to be over', async () => {
      return (await Promise.all([alice, bob, carol].map(open))).flat().length === 0
    })
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe.each(families)('over $family', ({ index, loopback, any }) => {
    const address = (ip: IpAddress | string, port: number) =>
      formatSocketAddress({ ip: ip as IpAddress, port })
    const at = (workload: Workload, port: number) => address(workload.addresses[index]!, port)

    test('row 1: containers of a pod talk over loopback, and the sidecar never knows', async () => {
      using _denied = await denyEverythingAt(alice)
      using application = await Listener.open(alice, 7001, { host: any })
      using talk = await converse(alice, address(loopback, 7001), application)
      expect(await alice.sidecar.connections()).toEqual([])
      expect(plain(talk.server.socket.remoteAddress)).toBe(loopback)

      const otherContainer = ['curl', '-sS', '--http0.9', '--max-time', '5']
      void application.next().then((server) => server.finish(greeting))
      const heard = await alice.run([...otherContainer, `http://${address(loopback, 7001)}/`], { uid: 4711 })
      expect(heard).toContain('220 at your service')
      expect(recordsAt(alice, 7001)).toEqual([])
    })

    test('row 2: a pod that dials its own address reaches itself directly', async () => {
      using _denied = await denyEverythingAt(alice)
      using application = await Listener.open(alice, 7002, { host: any })
      using talk = await converse(alice, at(alice, 7002), application)
      expect(plain(talk.server.socket.remoteAddress)).toBe(alice.addresses[index])
      expect(await alice.sidecar.connections()).toEqual([])
      expect(recordsAt(alice, 7002)).toEqual([])
    })

    test('row 3: what listens on the pod’s address only is reached, in and out of the mesh', async () => {
      using application = await Listener.open(bob, 7003, { host: bob.addresses[index]! })
      for (const from of [alice, outsider]) {
        using talk = await converse(from, at(bob, 7003), application)
        // Row 31: the application sees its own pod as the peer; who it really is stands in the record.
        expect(plain(talk.server.socket.remoteAddress)).toBe(bob.addresses[index])
      }
    })

    test('row 3: what listens on loopback only stays private', async () => {
      using application = await Listener.open(bob, 7004, { host: loopback })
      for (const from of [alice, outsider]) {
        expect(await Conversation.refusal(from, at(bob, 7004))).toBe('reset')
      }
      using own = await converse(bob, address(loopback, 7004), application)
      expect(own.server.end).toBeUndefined()
      expect(application.taken).toHaveLength(1)
    })

    test('row 4: by pod IP a meshed pod is reached over mTLS', async () => {
      using application = await Listener.open(bob, 7005, { host: any })
      using _talk = await converse(alice, at(bob, 7005), application)
      const facts = { outcome: 'open', security: 'mutual_tls', destination: at(bob, 7005) }
      const [inbound] = await bob.sidecar.connections()
      expect(inbound).toMatchObject({
        ...facts,
        direction: 'inbound',
        peer: 'spiffe://cluster.local/ns/shop/sa/alice',
        source: alice.addresses[index],
      })
      const [outbound] = await alice.sidecar.connections()
      expect(outbound).toMatchObject({
        ...facts,
        direction: 'outbound',
        peer: 'spiffe://cluster.local/ns/shop/sa/bob',
        keyExchange: 'X25519MLKEM768',
      })
    })

    test('row 4: by pod IP an unmeshed pod is reached as it is', async () => {
      using application = await Listener.open(outsider, 7006, { host: any })
      using talk = await converse(alice, at(outsider, 7006), application)
      expect(plain(talk.server.socket.remoteAddress)).toBe(alice.addresses[index])
      expect(await alice.sidecar.connections()).toMatchObject([{ direction: 'outbound', security: 'none' }])
    })

    test('row 5: a virtual address leads to every endpoint, and spreads what is open evenly', async () => {
      const choir = mesh.service('choir', { ports: [{ name: 'sing', port: 80, targetPort: 7007 }] })
      using first = await Listener.open(bob, 7007, { host: any, answer: greets })
      using second = await Listener.open(carol, 7007, { host: any, answer: greets })
      const target = address(choir.addresses[index]!, 80)
      await reachable(target)
      const before = [first.taken.length, second.taken.length]
      const talks = []
      for (let i = 0; i < 10; i++) {
        const talk = await Conversation.dial(alice, target)
        await talk.hears(greeting)
        talks.push(talk)
      }
      expect([first.taken.length - before[0]!, second.taken.length - before[1]!]).toEqual([5, 5])
      const open = await alice.sidecar.connections()
      expect(open.every(({ security }) => security === 'mutual_tls')).toBe(true)
      expect(new Set(open.map(({ service }) => service))).toEqual(
        new Set(['shop/choir.shop.svc.cluster.local']),
      )
      for (const talk of talks) talk.reset()
      choir.remove()
    })

    test('row 5: an endpoint whose application does not listen is passed over for one that does', async () => {
      const service = mesh.service('choir', { ports: [{ port: 80, targetPort: 7008 }] })
      using only = await Listener.open(carol, 7008, { host: any, answer: greets })
      const target = address(service.addresses[index]!, 80)
      await reachable(target)
      for (let i = 0; i < 6; i++) {
        using talk = await Conversation.dial(alice, target)
        expect(await talk.hears(greeting)).toBe(greeting)
      }
      expect(only.taken.length).toBeGreaterThanOrEqual(7)
      service.remove()
    })

    test('row 5: a virtual address without an endpoint is reset at once', async () => {
      const service = mesh.service('nobody', { ports: [{ port: 80, targetPort: 8080 }] })
      const refused = await refusal(address(service.addresses[index]!, 80), 'no_endpoints')
      expect(refused.milliseconds).toBeLessThan(500)
      expect(refused.record).toMatchObject({
        outcome: 'refused',
        detail: 'service shop/nobody.shop.svc.cluster.local has no ready endpoint',
      })
      service.remove()
    })

    test('row 5: a port that the service lacks is reset at once', async () => {
      const service = mesh.service('choir', { ports: [{ port: 80, targetPort: 8080 }] })
      const refused = await refusal(address(service.addresses[index]!, 81), 'no_such_port')
      expect(refused.milliseconds).toBeLessThan(500)
      expect(refused.record['detail']).toBe('service shop/choir.shop.svc.cluster.local has no port 81')
      service.remove()
    })

    test('rows 6 and 7: a headless service’s pods are reached by their addresses, whatever port, ready or not', async () => {
      mesh.service('choir', { headless: true, ports: [{ name: 'sing', port: 7009, targetPort: 7009 }] })
      using undeclared = await Listener.open(bob, 7010, { host: any })
      bob.update({ ready: false })
      await until('alice to know that bob is not ready', async () => {
        return (await healthOf(bob, alice)) === 'unhealthy'
      })
      using _talk = await converse(alice, at(bob, 7010), undeclared)
      expect(await alice.sidecar.connections()).toMatchObject([
        { security: 'mutual_tls', peer: 'spiffe://cluster.local/ns/shop/sa/bob' },
      ])
      bob.update({ ready: true })
    })

    test('row 12: each port of a service leads to its own target port', async () => {
      const service = mesh.service('bob', {
        selector: { app: 'choir' },
        ports: [
          { name: 'http', port: 80, targetPort: 7011 },
          { name: 'admin', port: 9000, targetPort: 7012 },
        ],
      })
      carol.update({ ready: false })
      using _http = await Listener.open(bob, 7011, { host: any, answer: (talk) => talk.say('http\n') })
      using _admin = await Listener.open(bob, 7012, { host: any, answer: (talk) => talk.say('admin\n') })
      const ip = service.addresses[index]!
      await reachable(address(ip, 80))
      using toHttp = await Conversation.dial(alice, address(ip, 80))
      using toAdmin = await Conversation.dial(alice, address(ip, 9000))
      expect(await toHttp.hears('\n')).toBe('http\n')
      expect(await toAdmin.hears('\n')).toBe('admin\n')
      service.remove()
      carol.update({ ready: true })
    })

    test('row 14: a pod whose own service leads to itself hears plain bytes, never TLS', async () => {
      const service = mesh.service('alice', { ports: [{ port: 80, targetPort: 7013 }] })
      using application = await Listener.open(alice, 7013, { host: any, answer: greets })
      const target = address(service.addresses[index]!, 80)
      await reachable(target)
      const before = application.taken.length
      using client = await Conversation.dial(alice, target)
      client.finish('what I said myself')
      await client.hears(greeting)
      const server = await until('alice to be called by herself', () => application.taken[before])
      expect(await server.ended()).toBe('fin')
      expect(server.heard.toString()).toBe('what I said myself')
      server.finish()
      await client.ended()
      expect(recordsAt(alice, 7013).filter(isInbound)).toEqual([])
      service.remove()
    })

    test('row 20: a server that speaks first is heard at once: in the mesh, into it and out of it', async () => {
      using _inside = await Listener.open(bob, 7014, { host: any, answer: greets })
      using _outside = await Listener.open(outsider, 7014, { host: any, answer: greets })
      for (const [from, to] of [
        [alice, bob],
        [outsider, bob],
        [alice, outsider],
      ] as const) {
        const started = performance.now()
        using client = await Conversation.dial(from, at(to, 7014))
        expect(await client.hears(greeting)).toBe(greeting)
        expect(performance.now() - started).toBeLessThan(500)
      }
    })
  })

  test('row 21: an application’s own TLS passes inside the mesh’s', async () => {
    const files = [
      '-keyout',
      'key.pem',
      '-out',
      'certificate.pem',
      '-subj',
      '/CN=bob-of-the-choir',
      '-days',
      '1',
    ]
    await bob.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-noenc', ...files])
    const serve = ['-accept', '7443', '-key', 'key.pem', '-cert', 'certificate.pem', '-www', '-tls1_2']
    await bob.start(['openssl', 's_server', ...serve])
    await using capture = await mesh.capture()
    const url = `https://${bob.ip}:7443/`
    await until('openssl to listen', () => alice.run(['curl', '-sSk', '--max-time', '2', url]))
    const page = await alice.run(['curl', '-sSkv', '--max-time', '5', url])
    expect(page).toContain('New, TLSv1.2')
    const record = await bob.sidecar.access('curl’s', ({ security }) => security === 'mutual_tls')
    expect(record['peer']).toBe('spiffe://cluster.local/ns/shop/sa/alice')
    // TLS 1.2 shows certificates in the clear: the capture holds none of it, since it travels in TLS 1.3.
    expect(await capture.contains('bob-of-the-choir')).toBe(false)
    expect((await capture.streams()).some(({ from }) => from === `${bob.ip}:${ports.hbone}`)).toBe(true)
  })

  /** Refuses everybody at a workload, so that whatever passes was never asked about. */
  async function denyEverythingAt({ name, sidecar }: Workload): Promise<Policy> {
    const policy = mesh.policy({
      kind: 'AuthorizationPolicy',
      name: 'nobody',
      selector: { app: name },
      action: 'Allow',
    })
    await until('the policy to arrive', async () => {
      const { policies } = (await sidecar.admin('GET /config')) as { policies: { name: string }[] }
      return policies.some((arrived) => arrived.name === 'shop/nobody')
    })
    return policy
  }

  async function reachable(target: string): Promise<void> {
    await until(`${target} to be served`, async () => {
      using probe = await Conversation.dial(alice, target)
      await probe.hears('\n', { timeout: 1_000 })
      return true
    })
  }

  /** Dials from alice until the refusal is for this reason, which is when the service has arrived there. */
  async function refusal(target: string, reason: string) {
    return await until(`${target} to be refused with ${reason}`, async () => {
      const before = alice.sidecar.accessLog().length
      const started = performance.now()
      const how = await Conversation.refusal(alice, target)
      const milliseconds = performance.now() - started
      const record = await until('its record', () => alice.sidecar.accessLog()[before])
      expect(how).toBe('reset')
      return record['reason'] === reason && { record, milliseconds }
    })
  }

  async function healthOf(workload: Workload, knownTo: Workload): Promise<string | undefined> {
    const { workloads } = (await knownTo.sidecar.admin('GET /config')) as {
      workloads: ReadonlyArray<{ uid: string; health: string }>
    }
    return workloads.find(({ uid }) => uid.endsWith(`/${workload.name}`))?.health
  }
})

function greets(talk: Conversation): void {
  talk.say(greeting)
}

/** What a sidecar told of connections to a port. */
function recordsAt({ sidecar }: Workload, port: number): AccessRecord[] {
  return sidecar.accessLog().filter(({ destination }) => String(destination).endsWith(`:${port}`))
}

function isInbound({ direction }: AccessRecord): boolean {
  return direction === 'inbound'
}

/** Without the prefix that an IPv4 peer of a listener for both families has. */
function plain(ip: string | undefined): string | undefined {
  return ip?.replace(/^::ffff:/, '')
}
