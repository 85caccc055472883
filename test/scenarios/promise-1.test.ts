import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Capture } from '#test/harness/capture.ts'
import { Conversation, converse, Listener } from '#test/harness/conversation.ts'
import { type Mesh, type PolicyOptions, type Service, startMesh } from '#test/harness/mesh.ts'
import { plan } from '#test/harness/network.ts'
import type { PolicySource } from '#test/harness/registry-file.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

interface Picture {
  readonly services: readonly unknown[]
  readonly workloads: readonly { readonly identity: string }[]
}

// Whoever is denied at a permissive pod is refused with mTLS, and says nothing in plaintext, whatever goes wrong.
describe.skipIf(lacks('promise 1', 'tcpdump'))('promise 1', () => {
  const secret = 'a-secret-that-nobody-may-read'
  let mesh: Mesh
  let alice: Workload
  let bob: Workload
  let outsider: Workload
  let service: Service
  let application: Listener

  beforeAll(async () => {
    mesh = await startMesh()
    ;[alice, bob, outsider] = await Promise.all([
      mesh.workload('alice'),
      mesh.workload('bob'),
      mesh.workload('outsider', { meshed: false }),
    ])
    application = await Listener.open(bob, 8080)
    service = mesh.service('bob', { ports: [{ port: 80, targetPort: 8080 }] })
    await until('the service to be known', async () => (await picture(alice)).services.length === 1)
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  const shop = 'cluster.local/ns/shop'
  const denials: readonly { readonly how: string; readonly policy: PolicyOptions }[] = [
    {
      how: 'her account, at the pod',
      policy: deny({ selector: { app: 'bob' } }, { serviceAccounts: ['shop/alice'] }),
    },
    { how: 'her identity, in the namespace', policy: deny({}, { principals: [`${shop}/sa/alice`] }) },
    {
      how: 'her namespace, in the whole mesh',
      policy: deny({ namespace: 'weft-system' }, { namespaces: ['shop'] }),
    },
    {
      how: 'everybody but others',
      policy: {
        kind: 'AuthorizationPolicy',
        name: 'others',
        selector: { app: 'bob' },
        rules: [{ from: [{ serviceAccounts: ['shop/carol'] }] }],
      },
    },
  ]

  describe.each(denials)('denied is $how', ({ policy }) => {
    test.each([
      { way: 'by its address', target: () => `${bob.ip}:8080` },
      { way: 'through a service', target: () => `${service.ip}:80` },
    ])('$way', async ({ target }) => {
      await using capture = await mesh.capture()
      const denied = mesh.policy(policy)
      await refusedByBob(target())
      denied.remove()
      await nothingWasHeard(capture)
    })
  })

  const troubles: readonly {
    readonly what: string
    readonly begin: () => Promise<() => Promise<unknown>>
  }[] = [
    {
      what: 'her stream to the control plane is cut',
      begin: () => drop(() => alice, ['INPUT', '-s', plan.controlPlane]),
    },
    {
      what: 'bob’s stream to the control plane is cut',
      begin: () => drop(() => bob, ['INPUT', '-s', plan.controlPlane]),
    },
    {
      what: 'the control plane is dead',
      begin: async () => {
        await mesh.controlPlane.kill()
        return () => mesh.controlPlane.start()
      },
    },
    {
      what: 'bob’s rules are gone, so that his application could be reached as it is',
      begin: async () => {
        await bob.redirect(['--cleanup'])
        return () => bob.redirect()
      },
    },
  ]

  test.each(troubles)('also while $what', async ({ begin }) => {
    await using capture = await mesh.capture()
    using _denied = mesh.policy(denials[0]!.policy)
    await refusedByBob(`${bob.ip}:8080`)
    const end = await begin()
    try {
      for (const target of [`${bob.ip}:8080`, `${service.ip}:80`]) {
        expect(await reasonAtAlice(target)).toBe('denied_by_peer')
      }
    } finally {
      await end()
    }
    await nothingWasHeard(capture)
  })

  const silences: readonly {
    readonly what: string
    readonly reason: string
    readonly begin: () => Promise<() => Promise<unknown>>
  }[] = [
    {
      what: 'bob’s tunnel port refuses her',
      reason: 'connection_refused',
      begin: () =>
        drop(() => bob, ['INPUT', '-p', 'tcp', '--dport', '15008'], ['REJECT', '--reject-with', 'tcp-reset']),
    },
    {
      what: 'bob’s tunnel port is silent, as behind a NetworkPolicy',
      reason: 'timeout',
      begin: () => drop(() => bob, ['INPUT', '-p', 'tcp', '--dport', '15008']),
    },
    {
      what: 'bob proves to be somebody else',
      reason: 'wrong_identity',
      begin: async () => {
        bob.update({ serviceAccount: 'robert' })
        await until('alice to expect robert', async () => {
          const { workloads } = await picture(alice)
          return workloads.some(({ identity }) => identity.endsWith('/robert'))
        })
        return async () => {
          bob.update({ serviceAccount: 'bob' })
          await until('bob to be himself', () => converse(alice, `${bob.ip}:8080`, application))
        }
      },
    },
  ]

  // Nobody is denied here: what cannot be had with mTLS is not had at all.
  test.each(silences)('nor when $what', async ({ begin, reason }) => {
    await using capture = await mesh.capture()
    const end = await begin()
    try {
      // A tunnel that is there already breaks first.
      await until(`it to be for ${reason}`, async () => (await reasonAtAlice(`${bob.ip}:8080`)) === reason)
    } finally {
      await end()
    }
    await nothingWasHeard(capture)
  })

  test('nor when bob’s sidecar is dead, and his application is not', async () => {
    await using capture = await mesh.capture()
    const carol = await mesh.workload('carol')
    using heard = await Listener.open(carol, 8080)
    using _talk = await until('carol to be known', () => converse(alice, `${carol.ip}:8080`, heard))
    await carol.sidecar.kill()
    expect(await reasonAtAlice(`${carol.ip}:8080`)).toBe('connection_refused')
    await nothingWasHeard(capture)
  })

  test('nor while her stream is cut, and an address passes to a pod that is meshed', async () => {
    const labels = { app: 'dave' }
    const before = await mesh.workload('dave-before', { meshed: false, labels })
    const dave = mesh.service('dave', { ports: [{ port: 80, targetPort: 8080 }] })
    using old = await Listener.open(before, 8080)
    const ways = [`${before.ip}:8080`, `${dave.ip}:80`]
    for (const way of ways) {
      using _talk = await until('dave to be known', () => converse(alice, way, old))
    }
    const after = await onHerOwn(async () => {
      // Who was known and is still there is reached.
      for (const way of ways) {
        using _talk = await converse(alice, way, old)
      }
      before.unregister()
      await before.run(['ip', 'link', 'set', 'eth0', 'down'], { uid: 0 })
      await alice.run(['ip', 'neighbour', 'flush', 'dev', 'eth0'], { uid: 0 })
      // A client that goes on trying while nobody is there teaches her nothing about who comes next.
      expect(await reasonAtAlice(ways[0]!)).toBe('unreachable')
      const after = await mesh.workload('dave-after', { addresses: [before.ip], labels })
      using fresh = await Listener.open(after, 8080)
      using _talk = await until('the new pod to be heard of', () => converse(bob, ways[0]!, fresh))
      await using capture = await mesh.capture()
      for (const way of ways) expect(await reasonAtAlice(way)).toBe('meshed_since')
      await nothingWasHeard(capture)
      return after
    })
    using fresh = await Listener.open(after, 8080)
    await until('alice to know who is there now', async () => {
      using _talk = await converse(alice, ways[0]!, fresh)
      const live = await alice.sidecar.connections()
      return live.some(({ destination, security }) => destination === ways[0] && security === 'mutual_tls')
    })
  })

  test('nor when she begins anew, and nobody tells her anything', async () => {
    await using capture = await mesh.capture()
    const erin = await mesh.workload('erin')
    using _talk = await until('bob to be known', () => converse(erin, `${bob.ip}:8080`, application))
    await erin.sidecar.kill()
    await mesh.controlPlane.kill()
    try {
      const { process } = await mesh.launchSidecar(erin)
      await process.line(/"started"/)
      expect(await Conversation.refusal(erin, `${bob.ip}:8080`)).toBe('reset')
      const told = await erin.sidecar.access('of bob', ({ reason }) => reason !== undefined)
      expect(told['reason']).toBe('not_ready')
    } finally {
      await mesh.controlPlane.start()
    }
    await nothingWasHeard(capture)
  })

  /** Attempts until it is bob who refuses, by policy, someone who has proved to be alice. */
  async function refusedByBob(target: string): Promise<void> {
    await until('bob to refuse her', async () => {
      const before = bob.sidecar.accessLog().length
      const end = await whisper(target)
      const told = await until('bob to tell of it', () => bob.sidecar.accessLog().slice(before).at(-1))
      expect(told).toMatchObject({
        security: 'mutual_tls',
        peer: 'spiffe://cluster.local/ns/shop/sa/alice',
      })
      return end === 'reset' && told['outcome'] === 'refused'
    })
  }

  /** Neither on the wire nor, as long as she was not welcome, at the application. */
  async function nothingWasHeard(capture: Capture): Promise<void> {
    using plain = await until('the outsider to be heard', () =>
      converse(outsider, `${bob.ip}:8080`, application),
    )
    expect(plain.server.end).toBeUndefined()
    expect(await capture.contains('greeting')).toBe(true)
    expect(await capture.contains(secret)).toBe(false)
  }

  /** Says the secret, and answers how that ended; `open` when it did not. */
  async function whisper(target: string): Promise<string> {
    try {
      using client = await Conversation.dial(alice, target)
      return await client.say(secret).ended({ timeout: 6_000 })
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ECONNRESET' ? 'reset' : 'open'
    }
  }

  /** Whispers, and answers why her own sidecar says that nobody heard it. */
  async function reasonAtAlice(target: string): Promise<unknown> {
    const before = alice.sidecar.accessLog().length
    expect(await whisper(target)).toBe('reset')
    // What was connected before may be told now as well.
    const told = () =>
      alice.sidecar
        .accessLog()
        .slice(before)
        .find(({ outcome }) => outcome === 'refused')
    return (await until('alice to tell of it', told))['reason']
  }

  async function drop(at: () => Workload, match: readonly string[], verdict: readonly string[] = ['DROP']) {
    const rule = [...match, '-j', ...verdict]
    await at().run(['iptables', '-A', ...rule], { uid: 0 })
    return () => at().run(['iptables', '-D', ...rule], { uid: 0 })
  }

  /** What happens while she is cut off from a control plane that everybody else has. */
  async function onHerOwn<T>(story: () => Promise<T>): Promise<T> {
    await mesh.controlPlane.kill()
    const heal = await drop(() => alice, ['INPUT', '-s', plan.controlPlane])
    try {
      await mesh.controlPlane.start()
      await until('alice to know that she is on her own', async () => {
        const { controlPlane } = (await alice.sidecar.admin('GET /picture')) as { controlPlane: string }
        return controlPlane === 'away'
      })
      return await story()
    } finally {
      await heal()
    }
  }

  function deny(
    at: { readonly selector?: Readonly<Record<string, string>>; readonly namespace?: string },
    source: PolicySource,
  ): PolicyOptions {
    return {
      kind: 'AuthorizationPolicy',
      name: 'no-alice',
      action: 'Deny',
      rules: [{ from: [source] }],
      ...at,
    }
  }

  async function picture(pod: Workload): Promise<Picture> {
    return (await pod.sidecar.admin('GET /config')) as Picture
  }
})
