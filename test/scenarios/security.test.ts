import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sidecarUid } from '#mesh/ports.ts'
import { Conversation, converse, Listener, type Pair } from '#test/harness/conversation.ts'
import { FakeControlPlane } from '#test/harness/fake-control-plane.ts'
import { type Mesh, type PolicyOptions, startMesh } from '#test/harness/mesh.ts'
import { plan } from '#test/harness/network.ts'
import { OpensslAuthority } from '#test/harness/openssl.ts'
import { lacks } from '#test/harness/requirements.ts'
import type { AccessRecord } from '#test/harness/sidecar.ts'
import { connectFrom } from '#test/harness/socket.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// The promises of the mesh, kept while things go wrong and while settings change under live connections.
describe.skipIf(lacks('security', 'openssl', 'tcpdump'))('security', () => {
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let outsider: Workload
  let internet: Workload
  let application: Listener

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, bob, outsider, internet] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob'),
      mesh.workload('outsider', { meshed: false }),
      mesh.workload('internet', { meshed: false, registered: false, addresses: ['192.0.2.10'] }),
    ])
    application = await Listener.open(bob, 8080)
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe('between two meshed pods there is mutual TLS or there is no connection', () => {
    const secret = 'a-secret-that-nobody-may-read'

    test('whoever is denied at a permissive pod is refused over mTLS, and never falls back to plaintext', async () => {
      await using capture = await mesh.capture()
      using friend = await converse(outsider, `${bob.ip}:8080`, application)
      using denied = mesh.policy(denyAlice('bob'))
      const record = await refusedInbound(bob, 'deny_matched', () => whisper(bob))
      expect(record).toMatchObject({
        security: 'mutual_tls',
        peer: 'spiffe://cluster.local/ns/shop/sa/alice',
        deniedBy: { policy: 'shop/deny-alice-at-bob', rule: 0 },
      })
      expect(await capture.contains(secret)).toBe(false)
      expect(await capture.contains('greeting')).toBe(true)
      expect(friend.server.end).toBeUndefined()
      denied.remove()
      await until('alice to be welcome again', () => converse(alice, `${bob.ip}:8080`, application))
    })

    test('also while her stream to the control plane is cut, and the pod is new to her', async () => {
      await using capture = await mesh.capture()
      const cutOff = ['INPUT', '-s', plan.controlPlane, '-j', 'DROP']
      await alice.run(['iptables', '-A', ...cutOff], { uid: 0 })
      using _denied = mesh.policy(denyAlice('dave'))
      const dave = await mesh.workload('dave')
      using daves = await Listener.open(dave, 8080)
      using _control = await converse(outsider, `${dave.ip}:8080`, daves)
      expect(await whisper(dave)).toBe('reset')
      const record = await alice.sidecar.access(
        'of dave',
        ({ destination }) => destination === `${dave.ip}:8080`,
      )
      expect(record['reason']).toBe('unknown_in_mesh')

      await alice.run(['iptables', '-D', ...cutOff], { uid: 0 })
      await refusedInbound(dave, 'deny_matched', () => whisper(dave))
      expect(daves.taken).toHaveLength(1)
      expect(await capture.contains(secret)).toBe(false)
    })

    test('an address in the mesh’s networks that nobody has is refused by name', async () => {
      const started = performance.now()
      expect(await Conversation.refusal(alice, '10.77.200.200:80')).toBe('reset')
      expect(performance.now() - started).toBeLessThan(1_500)
      const record = await alice.sidecar.access(
        'of nobody',
        (one) => one['destination'] === '10.77.200.200:80',
      )
      expect(record).toMatchObject({
        reason: 'unknown_in_mesh',
        detail: "10.77.200.200 lies in the mesh's networks, but the control plane knows nobody there",
      })
    })

    async function whisper(to: Workload) {
      using client = await Conversation.dial(alice, `${to.ip}:8080`)
      return await client.say(secret).ended()
    }
  })

  describe('a pod fails closed', () => {
    test('without a control plane it admits nobody, reaches nobody and is not ready', async () => {
      const late = await mesh.workload('late', { sidecar: false })
      await mesh.controlPlane.token(late.entry)
      await until('alice to know it', () => knows(alice, late))
      using applications = await Listener.open(late, 8080)
      await mesh.controlPlane.stop()
      try {
        const sidecar = await mesh.launchSidecar(late)
        await sidecar.process.line(/"started"/)
        const waits = /^503 waits for a certificate/
        await until('the startup probe to arrive', async () => waits.test((await mesh.probe(late)).startup))
        expect((await mesh.probe(late)).readiness).toMatch(waits)

        expect(await Conversation.refusal(outsider, `${late.ip}:8080`)).toBe('reset')
        expect(await Conversation.refusal(alice, `${late.ip}:8080`)).toBe('reset')
        expect(await Conversation.refusal(late, `${bob.ip}:8080`)).toBe('reset')
        for (const direction of ['inbound', 'outbound']) {
          const record = await sidecar.access(direction, (one) => one['direction'] === direction)
          expect(record['reason']).toBe('not_ready')
        }
        expect(applications.taken).toHaveLength(0)
      } finally {
        await mesh.controlPlane.start()
      }
      await until('it to be ready', async () => (await mesh.probe(late)).readiness === '200 ready')
      using _talk = await until('alice to reach it', () => converse(alice, `${late.ip}:8080`, applications))
    })

    test('it shows its token to nobody but its control plane', async () => {
      const victim = await mesh.workload('victim', { sidecar: false })
      const token = readFileSync(await mesh.controlPlane.token(victim.entry), 'utf8').trim()
      using somebody = OpensslAuthority.foreign()
      const name = 'weft-control-plane.weft-system.svc'
      const leaf = (names: string) => somebody.leaf({ names })
      const bundle = join(victim.directory, 'bundle.pem')
      writeFileSync(bundle, somebody.certificate, { mode: 0o644 })
      const told = async (fake: FakeControlPlane, env: Record<string, string>, enough: () => boolean) => {
        const { process } = await mesh.launchSidecar(victim, { ...env, WEFT_CONTROL_PLANE: fake.address })
        await until('the sidecar to have tried', enough)
        await process.stop()
        return fake.authorizations
      }
      // It looks like the control plane, and was signed by somebody else.
      const forged = await FakeControlPlane.listen(outsider, leaf(`DNS:${name}`))
      expect(await told(forged, {}, () => forged.refusals >= 2)).toEqual([])
      outsider.closeServers()
      // It is signed by whom the sidecar trusts, and is somebody else.
      const other = await FakeControlPlane.listen(outsider, leaf('DNS:elsewhere.weft-system.svc'))
      expect(await told(other, { WEFT_TRUST_BUNDLE: bundle }, () => other.refusals >= 2)).toEqual([])
      outsider.closeServers()
      // Both hold: now the token comes, so it would have come.
      const both = await FakeControlPlane.listen(outsider, leaf(`DNS:${name}`))
      const shown = await told(both, { WEFT_TRUST_BUNDLE: bundle }, () => both.authorizations.length > 0)
      expect(shown).toContain(`Bearer ${token}`)
      outsider.closeServers()
    })
  })

  describe('what changes, changes under live connections within a second', () => {
    const levels: readonly { level: string; policy: PolicyOptions }[] = [
      {
        level: 'the mesh',
        policy: { kind: 'PeerAuthentication', name: 'default', namespace: 'weft-system', mode: 'Strict' },
      },
      { level: 'the namespace', policy: { kind: 'PeerAuthentication', name: 'default', mode: 'Strict' } },
      {
        level: 'the workload',
        policy: { kind: 'PeerAuthentication', name: 'bob', selector: { app: 'bob' }, mode: 'Strict' },
      },
      {
        level: 'the port',
        policy: {
          kind: 'PeerAuthentication',
          name: 'bob',
          selector: { app: 'bob' },
          mode: 'Permissive',
          ports: { 8080: 'Strict' },
        },
      },
    ]
    beforeEach(async () => {
      await until('everybody to be welcome', async () => {
        using _encrypted = await converse(alice, `${bob.ip}:8080`, application)
        using _plain = await converse(outsider, `${bob.ip}:8080`, application)
        return true
      })
    })

    test.each(levels)('strict for $level cuts plaintext, and spares mTLS', async ({ policy }) => {
      using plain = await converse(outsider, `${bob.ip}:8080`, application)
      using encrypted = await converse(alice, `${bob.ip}:8080`, application)
      using _strict = mesh.policy(policy)
      const { namespace = 'shop', name } = policy
      expect(await cut(bob, plain)).toMatchObject({
        reason: 'plaintext_denied',
        detail: `PeerAuthentication ${namespace}/${name} is strict there and the peer proved no identity`,
        security: 'none',
      })
      await refusedInbound(bob, 'plaintext_denied', () => Conversation.refusal(outsider, `${bob.ip}:8080`))
      await stillCarries(encrypted)
    })

    test('a port that is exempt from strict stays open to plaintext', async () => {
      using exempt = await Listener.open(bob, 9090)
      using there = await converse(outsider, `${bob.ip}:9090`, exempt)
      using here = await converse(outsider, `${bob.ip}:8080`, application)
      using _strict = mesh.policy({
        kind: 'PeerAuthentication',
        name: 'bob',
        selector: { app: 'bob' },
        mode: 'Strict',
        ports: { 9090: 'Permissive' },
      })
      await cut(bob, here)
      await stillCarries(there)
      using _another = await converse(outsider, `${bob.ip}:9090`, exempt)
    })

    test('a new label brings a policy down on what is connected', async () => {
      using _guarded = mesh.policy({ ...denyAlice('guarded'), selector: { tier: 'guarded' } })
      using denied = await converse(alice, `${bob.ip}:8080`, application)
      using allowed = await converse(outsider, `${bob.ip}:8080`, application)
      bob.update({ labels: { app: 'bob', tier: 'guarded' } })
      expect(await cut(bob, denied)).toMatchObject({
        reason: 'deny_matched',
        deniedBy: { policy: 'shop/deny-alice-at-guarded', rule: 0 },
      })
      await stillCarries(allowed)
      bob.update({ labels: { app: 'bob' } })
    })

    test('plaintext from a pod of the mesh is counted, and refused where the mesh says so', async () => {
      // Somebody in alice's pod who has become the sidecar's user, and so passes it by.
      const user = { ...alice.standing, uid: sidecarUid }
      const passer = { connect: async (target: string) => await connectFrom(user, target) }
      const passBy = () => converse(passer, `${bob.ip}:8080`, application)
      using talk = await passBy()
      mesh.registry.setMesh({ rejectPlaintextFromMesh: true })
      expect(await cut(bob, talk)).toMatchObject({
        reason: 'plaintext_from_mesh',
        plaintextFromMesh: true,
        security: 'none',
        detail: 'plaintext from the address of spiffe://cluster.local/ns/shop/sa/alice, which is meshed',
      })
      expect(await bob.sidecar.metric('weft_plaintext_from_mesh_total')).toBe(1)
      await expect(passBy()).rejects.toThrow()
      mesh.registry.setMesh({ rejectPlaintextFromMesh: false })
      using _again = await until('plaintext to pass again', passBy)
    })

    test('registry-only closes the way out of the mesh, and what went that way', async () => {
      using outside = await Listener.open(internet, 80)
      using live = await converse(alice, '192.0.2.10:80', outside)
      using inside = await converse(alice, `${bob.ip}:8080`, application)
      mesh.registry.setMesh({ egress: 'registry-only' })
      expect(await cut(alice, live)).toMatchObject({ reason: 'route_changed' })
      expect(await Conversation.refusal(alice, '192.0.2.10:80')).toBe('reset')
      const refused = await alice.sidecar.access(
        'of the internet',
        ({ reason }) => reason === 'egress_denied',
      )
      expect(refused['detail']).toBe('192.0.2.10 lies outside the mesh, and egress is registry-only')
      await stillCarries(inside)
      mesh.registry.setMesh({ egress: 'passthrough' })
      using _back = await until('the way out to be open', () => converse(alice, '192.0.2.10:80', outside))
    })
  })

  function denyAlice(app: string) {
    return {
      kind: 'AuthorizationPolicy',
      name: `deny-alice-at-${app}`,
      selector: { app },
      action: 'Deny',
      rules: [{ from: [{ serviceAccounts: ['shop/alice'] }] }],
    } as const
  }

  /** Checks that a change just made resets the connection within a second; answers the record at a pod's sidecar. */
  async function cut(at: Workload, { client, server }: Pair): Promise<AccessRecord> {
    const before = at.sidecar.accessLog().length
    const changed = performance.now()
    const ends = await Promise.all([client.ended({ interval: 10 }), server.ended({ interval: 10 })])
    expect(performance.now() - changed).toBeLessThan(1_000)
    expect(ends).toEqual(['reset', 'reset'])
    return await until('the record of the cut', () => {
      return at.sidecar
        .accessLog()
        .slice(before)
        .find(({ outcome }) => outcome === 'cut')
    })
  }

  async function stillCarries({ client, server }: Pair): Promise<void> {
    client.say('are you there?\n')
    await server.hears('are you there?\n')
    server.say('yes\n')
    await client.hears('yes\n')
  }

  /** Attempts until the pod refuses for this reason, and answers the record. */
  async function refusedInbound(pod: Workload, reason: string, attempt: () => Promise<string>) {
    return await until(`${pod.name} to refuse with ${reason}`, async () => {
      const before = pod.sidecar.accessLog().length
      expect(await attempt()).toBe('reset')
      return pod.sidecar
        .accessLog()
        .slice(before)
        .find((record) => record['direction'] === 'inbound' && record['reason'] === reason)
    })
  }

  async function knows(pod: Workload, other: Workload): Promise<boolean> {
    const { workloads } = (await pod.sidecar.admin('GET /config')) as { workloads: { uid: string }[] }
    return workloads.some(({ uid }) => uid.endsWith(`/${other.name}`))
  }
})
