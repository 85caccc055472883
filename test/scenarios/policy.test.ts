import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sidecarUid } from '#mesh/ports.ts'
import { Busy } from '#test/harness/busy.ts'
import { Conversation, type Dialler, Listener } from '#test/harness/conversation.ts'
import { type Mesh, type PolicyOptions, startMesh } from '#test/harness/mesh.ts'
import { plan } from '#test/harness/network.ts'
import { lacks } from '#test/harness/requirements.ts'
import type { AccessRecord } from '#test/harness/sidecar.ts'
import { connectFrom } from '#test/harness/socket.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// Every kind of change, under connections that both ends write to all the time: what is no longer allowed is cut within
// a second with a record that names the policy, and what stays allowed loses no line.
describe.skipIf(lacks('policy'))('policy', () => {
  let mesh: Mesh
  let alice: Workload
  let carol: Workload
  let bob: Workload
  let outsider: Workload
  let application: Listener

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, carol, bob, outsider] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('carol'),
      mesh.workload('bob'),
      mesh.workload('outsider', { meshed: false }),
    ])
    application = await Listener.open(bob, 8080)
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe('a change comes down on what is connected', () => {
    test('a policy added', async () => {
      using denied = await busy(alice)
      using allowed = await busy(carol)
      const { record, policy } = await cutBy(denied, () => mesh.policy(deny('bob-alice', 'alice')))
      using _added = policy
      expect(record).toMatchObject({
        outcome: 'cut',
        reason: 'deny_matched',
        peer: 'spiffe://cluster.local/ns/shop/sa/alice',
        deniedBy: { policy: 'shop/bob-alice', rule: 0 },
        detail: 'rule 0 of AuthorizationPolicy shop/bob-alice denies it',
      })
      await lostNothing(allowed)
    })

    test('a policy changed', async () => {
      using _both = mesh.policy(allow('bob', 'alice', 'carol'))
      using denied = await busy(alice)
      using allowed = await busy(carol)
      const { record } = await cutBy(denied, () => mesh.policy(allow('bob', 'carol')))
      expect(record).toMatchObject({
        reason: 'no_allow_matched',
        detail: 'no rule of AuthorizationPolicy shop/bob allows it',
        peer: 'spiffe://cluster.local/ns/shop/sa/alice',
      })
      await lostNothing(allowed)
    })

    test('a policy removed', async () => {
      using _stays = mesh.policy(allow('bob-carol', 'carol'))
      const removed = mesh.policy(allow('bob-alice', 'alice'))
      using denied = await busy(alice)
      using allowed = await busy(carol)
      const { record } = await cutBy(denied, () => removed.remove())
      expect(record).toMatchObject({
        reason: 'no_allow_matched',
        detail: 'no rule of AuthorizationPolicy shop/bob-carol allows it',
      })
      await lostNothing(allowed)
    })

    test('a pod relabelled', async () => {
      using _guarded = mesh.policy({ ...deny('guarded', 'alice'), selector: { tier: 'guarded' } })
      using denied = await busy(alice)
      using allowed = await busy(carol)
      const { record } = await cutBy(denied, () => bob.update({ labels: { app: 'bob', tier: 'guarded' } }))
      expect(record).toMatchObject({ deniedBy: { policy: 'shop/guarded', rule: 0 } })
      await lostNothing(allowed)
      bob.update({ labels: { app: 'bob' } })
    })

    test('permissive turned strict', async () => {
      using denied = await busy(outsider)
      using allowed = await busy(alice)
      const { record, policy } = await cutBy(denied, () => mesh.policy(strict('bob', {})))
      using _strict = policy
      expect(record).toMatchObject({
        security: 'none',
        deniedBy: { policy: 'shop/peer_authentication_bob', rule: 0 },
        detail: 'PeerAuthentication shop/bob is strict there and the peer proved no identity',
      })
      await lostNothing(allowed)
    })

    test('an exception to strict removed', async () => {
      using _strict = mesh.policy({ kind: 'PeerAuthentication', name: 'default', mode: 'Strict' })
      const exception = mesh.policy({ ...strict('bob', {}), mode: 'Permissive' })
      using denied = await busy(outsider)
      using allowed = await busy(alice)
      const { record } = await cutBy(denied, () => exception.remove())
      expect(record).toMatchObject({
        detail: 'PeerAuthentication shop/default is strict there and the peer proved no identity',
      })
      await lostNothing(allowed)
    })

    test('a dry run enforced', async () => {
      using trial = mesh.policy({ ...deny('trial', 'alice'), dryRun: true })
      using denied = await busy(alice)
      using allowed = await busy(carol)
      await denied.carries()
      const { record } = await cutBy(denied, () => mesh.policy(deny('trial', 'alice')))
      expect(record).toMatchObject({ deniedBy: { policy: 'shop/trial', rule: 0 } })
      await lostNothing(allowed)
      trial.remove()
    })
  })

  describe('a dry run', () => {
    test('denies nothing, and tells of what is open already and of what comes', async () => {
      const counted = () => bob.sidecar.metric('weft_dry_run_denials_total', { policy: 'shop/dry' })
      using open = await busy(alice)
      using spared = await busy(carol)
      using _dry = mesh.policy({ ...deny('dry', 'alice'), dryRun: true })
      await until('what is open to be counted', async () => (await counted()) === 1)
      const told = bob.sidecar.log.find((line) => line['policy'] === 'shop/dry')
      expect(told).toMatchObject({
        message: 'a dry-run policy would deny a connection',
        peer: 'spiffe://cluster.local/ns/shop/sa/alice',
        wouldDeny: ['rule 0 of AuthorizationPolicy shop/dry denies it'],
      })
      const before = bob.sidecar.accessLog().length
      using another = await busy(alice)
      await another.finish()
      expect(await counted()).toBe(2)
      const record = await until('the record of the new one', () => bob.sidecar.accessLog()[before])
      expect(record).toMatchObject({
        outcome: 'closed',
        wouldDeny: ['rule 0 of AuthorizationPolicy shop/dry denies it'],
      })
      await lostNothing(open)
      await lostNothing(spared)
    })
  })

  describe('weft explain', () => {
    test('asks the running sidecar, and says what the connection meets', async () => {
      const explain = async (source: string) => {
        const { namespace } = bob.standing
        const args = ['explain', source, `${bob.ip}:8080`, '--netns', namespace, '-o', 'json']
        const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
        const ended = await promisify(execFile)(process.execPath, [main, ...args]).catch(
          (error: { stdout: string; stderr: string }) => error,
        )
        if (ended.stdout === '') throw new Error(ended.stderr)
        return JSON.parse(ended.stdout)
      }
      using _allowed = mesh.policy(allow('bob', 'carol'))
      await refused(alice, 'no_allow_matched')
      expect(await explain('alice')).toMatchObject({
        verdict: 'no',
        endpoints: [
          {
            transport: 'mutual_tls',
            because: 'no rule of AuthorizationPolicy shop/bob allows it',
            changes: expect.arrayContaining([
              'add shop/alice to serviceAccounts in rule 0 of AuthorizationPolicy shop/bob',
            ]),
          },
        ],
      })
      expect(await explain('carol')).toMatchObject({
        verdict: 'yes',
        endpoints: [{ decidedBy: { policy: 'AuthorizationPolicy shop/bob', rule: 0 } }],
      })
      using talk = await busy(carol)
      await lostNothing(talk)
    })
  })

  describe('plaintext is told truly', () => {
    test('plaintext_from_mesh: plaintext from a meshed pod’s address gets no identity, and is counted', async () => {
      using _alices = mesh.policy(allow('bob', 'alice'))
      await refused(passer(alice), 'no_allow_matched')
      using _anybody = mesh.policy({ ...allow('bob'), rules: [{}] })
      using passing = await busy(passer(alice))
      const before = await bob.sidecar.metric('weft_plaintext_from_mesh_total')
      const [live] = await bob.sidecar.connections()
      expect(live).toMatchObject({ security: 'none', plaintextFromMesh: true, sourceWorkload: 'shop/alice' })
      expect(live).not.toHaveProperty('peer')
      await passing.finish()
      await until('it to be counted', async () => {
        return (await bob.sidecar.metric('weft_plaintext_from_mesh_total')) === before + 1
      })
    })

    test('plaintext_from_mesh: plaintext from outside the mesh is not', async () => {
      const before = await bob.sidecar.metric('weft_plaintext_from_mesh_total')
      using passing = await busy(outsider)
      await passing.finish()
      const record = await bob.sidecar.access(
        'of the outsider',
        ({ sourceWorkload, outcome }) => sourceWorkload === 'shop/outsider' && outcome === 'closed',
      )
      expect(record).not.toHaveProperty('plaintextFromMesh')
      expect(await bob.sidecar.metric('weft_plaintext_from_mesh_total')).toBe(before)
    })

    test('rejectPlaintextFromMesh: cuts it where it is, also at a public port, and spares everybody else', async () => {
      using _public = mesh.policy(strict('bob', { 8080: 'Permissive' }))
      using denied = await busy(passer(alice))
      using outside = await busy(outsider)
      using inside = await busy(alice)
      const { record } = await cutBy(denied, () => mesh.registry.setMesh({ rejectPlaintextFromMesh: true }))
      expect(record).toMatchObject({ reason: 'plaintext_from_mesh', plaintextFromMesh: true })
      await refused(passer(alice), 'plaintext_from_mesh')
      await lostNothing(outside)
      await lostNothing(inside)
      mesh.registry.setMesh({ rejectPlaintextFromMesh: false })
      using _again = await until('plaintext to pass again', () => busy(passer(alice)))
    })

    test('a public port stays open to plaintext while the rest is strict', async () => {
      using open = await Listener.open(bob, 8443)
      using outside = await until('to be let in', () => Busy.start(outsider, `${bob.ip}:8443`, open))
      using _strict = mesh.policy(strict('bob', { 8443: 'Permissive' }))
      await refused(outsider, 'plaintext_denied')
      await lostNothing(outside)
      using another = await Busy.start(outsider, `${bob.ip}:8443`, open)
      using encrypted = await Busy.start(alice, `${bob.ip}:8443`, open)
      await lostNothing(another)
      await lostNothing(encrypted)
    })
  })

  // Last, because a certificate is under the new root only after a renewal.
  describe('a root removed', () => {
    test.each([
      { end: 'receiving', other: 'alice' },
      { end: 'calling', other: 'bob' },
    ])('the $end end cuts what was proven by it, and the new one is trusted', async ({ end, other }) => {
      using denied = await busy(alice)
      using plain = await busy(outsider)
      // The other end hears nothing of it, so that this one must see to it alone.
      const [pod, deaf] = end === 'receiving' ? [bob, alice] : [alice, bob]
      const cutOff = ['INPUT', '-s', plan.controlPlane, '-j', 'DROP']
      await deaf.run(['iptables', '-A', ...cutOff], { uid: 0 })
      await mesh.controlPlane.stop()
      for (const name of ['root', 'issuer']) {
        rmSync(join(mesh.controlPlane.stateDirectory, `${name}.json`))
      }
      const before = pod.sidecar.accessLog().length
      await mesh.controlPlane.start()
      expect((await denied.cut()).ends).toEqual(['reset', 'reset'])
      const record = await until(`${pod.name} to tell of the cut`, () => {
        return pod.sidecar
          .accessLog()
          .slice(before)
          .find(({ outcome }) => outcome === 'cut')
      })
      expect(record).toMatchObject({
        reason: 'peer_untrusted',
        detail: `the root that spiffe://cluster.local/ns/shop/sa/${other} proved itself by is no longer trusted`,
      })
      await lostNothing(plain)

      await deaf.run(['iptables', '-D', ...cutOff], { uid: 0 })
      await until('everybody to have a certificate under it', async () => {
        for (const { sidecar } of [alice, bob]) await sidecar.admin('POST /certificate/renew')
        return true
      })
      using again = await busy(alice)
      await lostNothing(again)
    })
  })

  /** A connection to bob that both ends write to; repeated until it is let in. */
  async function busy(from: Dialler): Promise<Busy> {
    const connection = await until('to be let in', () => Busy.start(from, `${bob.ip}:8080`, application))
    await connection.carries()
    return connection
  }

  /** Somebody in a pod who has become the sidecar's user, and so passes it by. */
  function passer(pod: Workload): Dialler {
    const user = { ...pod.standing, uid: sidecarUid }
    return { connect: async (target: string) => await connectFrom(user, target) }
  }

  /** Makes a change and checks that it resets the connection within a second; answers bob's record of it. */
  async function cutBy<T>(connection: Busy, change: () => T): Promise<{ record: AccessRecord; policy: T }> {
    const before = bob.sidecar.accessLog().length
    const changed = performance.now()
    const policy = change()
    const { ends, at } = await connection.cut()
    expect(ends).toEqual(['reset', 'reset'])
    expect(at - changed).toBeLessThan(1_000)
    const record = await until('the record of the cut', () => {
      return bob.sidecar
        .accessLog()
        .slice(before)
        .find(({ outcome }) => outcome === 'cut')
    })
    return { record, policy }
  }

  async function lostNothing(connection: Busy): Promise<void> {
    await connection.carries()
    expect(await connection.finish()).toBeGreaterThan(5)
  }

  /** Attempts until bob refuses for this reason. */
  async function refused(from: Dialler, reason: string): Promise<void> {
    await until(`bob to refuse with ${reason}`, async () => {
      const before = bob.sidecar.accessLog().length
      expect(await Conversation.refusal(from, `${bob.ip}:8080`)).toBe('reset')
      return bob.sidecar
        .accessLog()
        .slice(before)
        .some((record) => record['direction'] === 'inbound' && record['reason'] === reason)
    })
  }
})

function allow(name: string, ...accounts: readonly string[]) {
  return {
    kind: 'AuthorizationPolicy',
    name,
    selector: { app: 'bob' },
    rules: [{ from: [{ serviceAccounts: accounts.map((account) => `shop/${account}`) }] }],
  } satisfies PolicyOptions
}

function deny(name: string, account: string) {
  return { ...allow(name, account), action: 'Deny' } satisfies PolicyOptions
}

function strict(name: string, ports: Readonly<Record<number, 'Permissive' | 'Strict'>>) {
  return {
    kind: 'PeerAuthentication',
    name,
    selector: { app: 'bob' },
    mode: 'Strict',
    ...(Object.keys(ports).length > 0 && { ports }),
  } satisfies PolicyOptions
}
