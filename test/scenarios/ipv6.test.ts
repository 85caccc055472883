import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatSocketAddress, parseIp } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { plan } from '#test/harness/network.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// A mesh whose pods have addresses of both families, or of one.
describe.skipIf(lacks('IPv6', 'tcpdump'))('IPv6', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let four: Workload
  let six: Workload
  let outsider: Workload
  let internet: Workload
  let application: Listener

  beforeAll(async () => {
    mesh = await startMesh({ ipv6: true, controlPlane: { WEFT_LISTEN: `[::]:${ports.controlPlane}` } })
    const overIpv6 = { WEFT_CONTROL_PLANE: `[${plan.controlPlaneIpv6}]:${ports.controlPlane}` }
    ;[alice, bob, four, six, outsider, internet] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob'),
      mesh.workload('four', { addresses: ['10.77.2.4'] }),
      mesh.workload('six', { addresses: ['fd77::2:6'], sidecar: overIpv6 }),
      mesh.workload('outsider', { meshed: false }),
      mesh.workload('internet', {
        meshed: false,
        registered: false,
        addresses: ['192.0.2.10', '2001:db8::10'],
      }),
    ])
    application = await Listener.open(bob, 8080, { host: '::' })
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  test('row 28: a pod with IPv6 has rules and listeners in both families, without having asked for them', async () => {
    for (const save of ['iptables-save', 'ip6tables-save']) {
      const rules = await alice.run([save, '-t', 'nat'], { uid: 0 })
      expect(rules).toMatch(/-A WEFT_OUTPUT -p tcp -j REDIRECT --to-ports 15001/)
      expect(rules).toMatch(/-A WEFT_INBOUND -p tcp -j REDIRECT --to-ports 15006/)
    }
    const [ipv4, ipv6] = await Promise.all([listeners(alice, 'tcp'), listeners(alice, 'tcp6')])
    expect(ipv4).toContain(`127.0.0.1:${ports.outbound}`)
    expect(ipv6).toEqual(
      expect.arrayContaining([
        `[::1]:${ports.outbound}`,
        ...[ports.inbound, ports.hbone, ports.metrics, ports.readiness].map((port) => `[::]:${port}`),
      ]),
    )
    // Loopback only, in either family.
    expect(ipv6.filter((one) => one.endsWith(`:${ports.admin}`))).toEqual([])
  })

  test('row 28: a tunnel over IPv6 is asked for the destination in brackets', async () => {
    await using capture = await mesh.capture()
    const target = v6(bob, 8080)
    using talk = await converse(alice, target, application)
    expect(target).toMatch(/^\[fd77::/)
    const [record] = await bob.sidecar.connections()
    expect(record).toMatchObject({
      destination: target,
      source: alice.addresses[1],
      peer: 'spiffe://cluster.local/ns/shop/sa/alice',
      security: 'mutual_tls',
    })
    // The application sees its own pod as the peer, of the family that it was asked over.
    expect(parseIp(talk.server.socket.remoteAddress ?? '')).toBe(bob.addresses[1])
    const tunnels = (await capture.handshakes()).map(({ server }) => server)
    expect(new Set(tunnels)).toEqual(new Set([v6(bob, ports.hbone)]))
    expect(await capture.contains('greeting')).toBe(false)
  })

  test('row 28: an IPv4 address that is written as IPv6 is the IPv4 address', async () => {
    using _greets = await Listener.open(bob, 8081, { host: '::', answer: (talk) => talk.finish('hello\n') })
    const dial = `require('node:net').connect(8081, '::ffff:${bob.ip}').on('data', (b) => console.log(String(b)))`
    expect((await alice.run(['node', '-e', dial])).trim()).toBe('hello')
    const record = await alice.sidecar.access('of bob', (one) => one['destination'] === `${bob.ip}:8081`)
    expect(record['security']).toBe('mutual_tls')
  })

  test('row 28: a virtual address leads to endpoints of its family, and to the other where there is no such', async () => {
    const both = mesh.service('both', { selector: { app: 'bob' }, ports: [{ port: 80, targetPort: 8080 }] })
    const only = mesh.service('only', { selector: { app: 'four' }, ports: [{ port: 80, targetPort: 8080 }] })
    using fours = await Listener.open(four, 8080)
    for (const [service, listener, expected] of [
      [both, application, [v4(bob, 8080), v6(bob, 8080)]],
      [only, fours, [v4(four, 8080), v4(four, 8080)]],
    ] as const) {
      for (const [i, ip] of service.addresses.entries()) {
        const target = formatSocketAddress({ ip, port: 80 })
        using _talk = await until(`${target} to be known`, () => converse(alice, target, listener))
        const open = await alice.sidecar.connections()
        const record = open.find(({ destination }) => destination === target)
        expect(record).toMatchObject({ endpoint: expected[i], security: 'mutual_tls' })
      }
      service.remove()
    }
  })

  test('row 28: a pod with IPv6 alone reaches the others and is reached, its control plane included', async () => {
    using sixes = await Listener.open(six, 8080, { host: '::' })
    using _there = await until('six to be known', () => converse(alice, `[${six.ip}]:8080`, sixes))
    using _here = await converse(six, v6(bob, 8080), application)
    const [inbound] = await six.sidecar.connections()
    expect(inbound).toMatchObject({
      direction: 'inbound',
      source: alice.addresses[1],
      security: 'mutual_tls',
    })
    expect((await mesh.probe(six)).readiness).toBe('200 ready')
  })

  test('row 28: an address of nobody’s inside the mesh’s IPv6 range is refused by name', async () => {
    expect(await Conversation.refusal(alice, '[fd77::dead]:80')).toBe('reset')
    const record = await alice.sidecar.access(
      'of nobody',
      ({ destination }) => destination === '[fd77::dead]:80',
    )
    expect(record).toMatchObject({ reason: 'unknown_in_mesh' })
  })

  test('row 28: plaintext over IPv6 is judged like any other, by range too', async () => {
    using _strict = mesh.policy({
      kind: 'PeerAuthentication',
      name: 'default',
      mode: 'Strict',
      ports: { 9090: 'Permissive' },
      selector: { app: 'bob' },
    })
    using _range = mesh.policy({
      kind: 'AuthorizationPolicy',
      name: 'range',
      selector: { app: 'bob' },
      rules: [
        { to: [{ ports: [8080] }] },
        { from: [{ ipBlocks: [`${outsider.addresses[1]}/128`] }], to: [{ ports: [9090] }] },
      ],
    })
    using exempt = await Listener.open(bob, 9090, { host: '::' })
    await refusedAtBob('plaintext_denied', v6(bob, 8080))
    using _allowed = await until('the outsider’s IPv6 address to be allowed', () =>
      converse(outsider, v6(bob, 9090), exempt),
    )
    await refusedAtBob('no_allow_matched', v4(bob, 9090))
  })

  describe.each([
    { family: 'IPv4', target: '192.0.2.10:80', host: '0.0.0.0' },
    { family: 'IPv6', target: '[2001:db8::10]:80', host: '::' },
  ])('row 25: egress over $family', ({ target, host }) => {
    test('passes by default, and not under registry-only, which says so', async () => {
      using outside = await Listener.open(internet, 80, { host })
      using live = await converse(alice, target, outside)
      mesh.registry.setMesh({ egress: 'registry-only' })
      expect(await live.client.ended()).toBe('reset')
      expect(await Conversation.refusal(alice, target)).toBe('reset')
      const record = await alice.sidecar.access('of the way out', (one) => {
        return one['reason'] === 'egress_denied' && one['destination'] === target
      })
      expect(record['detail']).toMatch(/lies outside the mesh, and egress is registry-only$/)
      mesh.registry.setMesh({ egress: 'passthrough' })
      using _again = await until('the way out to be open', () => converse(alice, target, outside))
    })
  })

  describe('what a pod excludes, it dials without the sidecar in both families', () => {
    let dave: Workload

    beforeAll(async () => {
      const ranges = outsider.addresses.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`).join(',')
      dave = await mesh.workload('dave', {
        redirection: {
          WEFT_EXCLUDE_OUTBOUND_CIDRS: ranges,
          WEFT_EXCLUDE_OUTBOUND_PORTS: '3306',
          WEFT_EXCLUDE_INBOUND_PORTS: '9100',
        },
      })
    })

    test.each([0, 1])('ranges and ports, %#', async (index) => {
      const at = (workload: Workload, port: number) =>
        formatSocketAddress({ ip: workload.addresses[index]!, port })
      using ranged = await Listener.open(outsider, 7000, { host: '::' })
      using _ranged = await converse(dave, at(outsider, 7000), ranged)
      using database = await Listener.open(internet, 3306, { host: '::' })
      using _database = await converse(dave, at(internet, 3306), database)
      using monitored = await Listener.open(dave, 9100, { host: '::' })
      using _monitored = await converse(outsider, at(dave, 9100), monitored)
      expect(await dave.sidecar.connections()).toEqual([])
    })
  })

  function v4({ addresses }: Workload, port: number): string {
    return formatSocketAddress({ ip: addresses[0]!, port })
  }

  function v6({ addresses }: Workload, port: number): string {
    return formatSocketAddress({ ip: addresses[1]!, port })
  }

  async function refusedAtBob(reason: string, target: string): Promise<void> {
    await until(`bob to refuse with ${reason}`, async () => {
      const before = bob.sidecar.accessLog().length
      if ((await ended(outsider, target)) !== 'reset') return false
      return bob.sidecar
        .accessLog()
        .slice(before)
        .some((record) => record['reason'] === reason)
    })
  }
})

describe.skipIf(lacks('a kernel without IPv6'))('on a kernel without IPv6', () => {
  test('row 28: a sidecar listens and carries over IPv4, and says nothing of it', async () => {
    const sidecarProgram = ['/checkout/test/harness/apps/without-ipv6.ts', '/checkout/sidecar/main.ts']
    await using mesh = await startMesh({ sidecarProgram })
    const [alice, bob] = await Promise.all([mesh.workload('alice'), mesh.workload('bob')])
    using application = await Listener.open(bob, 8080)
    using _talk = await converse(alice, `${bob.ip}:8080`, application)
    expect(await bob.sidecar.connections()).toMatchObject([{ security: 'mutual_tls' }])
    expect(await listeners(bob, 'tcp6')).toEqual([])
    expect(await listeners(bob, 'tcp')).toEqual(
      expect.arrayContaining(
        [ports.inbound, ports.hbone, ports.metrics, ports.readiness].map((port) => `0.0.0.0:${port}`),
      ),
    )
    expect((await mesh.probe(bob)).readiness).toBe('200 ready')
    const told = [alice, bob].flatMap(({ sidecar }) => sidecar.log)
    expect(told.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
  })
})

/** What listens in a pod, as `address:port`; `table` is `tcp` or `tcp6`. */
async function listeners(pod: Workload, table: string): Promise<string[]> {
  const lines = (await pod.run(['cat', `/proc/net/${table}`])).split('\n').slice(1)
  return lines.flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    const [address = '', port = ''] = local.split(':')
    if (state !== '0A') return []
    // Each 32 bits are in the order of the machine, which is the other way round.
    const bytes = Buffer.from(address, 'hex').swap32()
    const text = bytes.length === 4 ? [...bytes].join('.') : (parseIp(groups(bytes)) ?? '')
    return [`${bytes.length === 4 ? text : `[${text}]`}:${Number.parseInt(port, 16)}`]
  })
}

function groups(bytes: Buffer): string {
  return (bytes.toString('hex').match(/.{4}/g) ?? []).join(':')
}

async function ended(from: Workload, target: string): Promise<string | undefined> {
  try {
    using talk = await Conversation.dial(from, target)
    return await talk.ended({ timeout: 1_000 })
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNRESET' ? 'reset' : undefined
  }
}
