import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { Conversation, Listener } from '#test/harness/conversation.ts'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { plan } from '#test/harness/network.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

interface Picture {
  readonly controlPlane: 'connected' | 'away'
  readonly policies: readonly { readonly name: string }[]
  readonly services: readonly { readonly name: string; readonly endpoints: readonly string[] }[]
  readonly workloads: readonly { readonly uid: string; readonly identity: string; readonly health: string }[]
}

// How a sidecar learns of the mesh, and what it does about what it has not learned.
describe.skipIf(lacks('discovery'))('discovery', () => {
  describe('in a mesh that is seen by namespace', () => {
    let mesh: Mesh
    let alice: Workload
    let bob: Workload
    let teller: Workload
    let clerk: Workload

    beforeAll(async () => {
      mesh = await startMesh({ mesh: { sidecarScope: 'namespace' } })
      mesh.policy({ kind: 'AuthorizationPolicy', name: 'all', namespace: 'bank', rules: [{}] })
      mesh.policy({ kind: 'AuthorizationPolicy', name: 'bob', selector: { app: 'bob' }, rules: [{}] })
      ;[alice, bob, teller, clerk] = await Promise.all([
        mesh.workload('alice'),
        mesh.workload('bob'),
        mesh.workload('teller', { namespace: 'bank' }),
        mesh.workload('clerk', { namespace: 'bank', meshed: false }),
      ])
      for (const server of [bob, teller, clerk]) {
        await Listener.open(server, 8080, { answer: (talk) => talk.say(`${server.name}\n`) })
      }
    })

    afterAll(async () => {
      await mesh?.[Symbol.asyncDispose]()
    })

    test('a pod is told of its own namespace, and of the policies that hold on it', async () => {
      const names = async (pod: Workload) => {
        const { workloads, policies } = await picture(pod)
        return [
          workloads.map(({ uid }) => uid.split('/').slice(-2).join('/')).sort(),
          policies.map(({ name }) => name),
        ]
      }
      expect(await names(alice)).toEqual([['shop/alice', 'shop/bob'], []])
      expect(await names(bob)).toEqual([['shop/alice', 'shop/bob'], ['shop/bob']])
      expect(await names(teller)).toEqual([['bank/clerk', 'bank/teller'], ['bank/all']])
    })

    test('a pod of another namespace is asked for by its address, and reached by mTLS', async () => {
      expect(await answer(alice, `${teller.ip}:8080`)).toBe('teller')
      const record = await recordOf(alice, `${teller.ip}:8080`)
      expect(record).toMatchObject({
        security: 'mutual_tls',
        peer: 'spiffe://cluster.local/ns/bank/sa/teller',
      })
      expect(await knows(alice, 'bank/teller')).toBe(true)
      expect(await knows(bob, 'bank/teller')).toBe(false)
    })

    test('what was asked for is followed: a live connection ends with its pod’s identity', async () => {
      using talk = await Conversation.dial(alice, `${teller.ip}:8080`)
      await talk.hears('teller\n')
      teller.update({ serviceAccount: 'somebody' })
      expect(await talk.ended({ timeout: 2_000 })).toBe('reset')
      teller.update({ serviceAccount: 'teller' })
      await until(
        'the teller to be back',
        async () => (await answer(alice, `${teller.ip}:8080`)) === 'teller',
      )
    })

    test('a pod outside the mesh is dialled in plaintext once the control plane has said that it is', async () => {
      expect(await answer(alice, `${clerk.ip}:8080`)).toBe('clerk')
      expect(await recordOf(alice, `${clerk.ip}:8080`)).toMatchObject({ security: 'none' })
      expect(await knows(alice, 'bank/clerk')).toBe(true)
    })

    test('a service of another namespace is asked for by its address, and comes with its endpoints', async () => {
      const bank = mesh.service('bank', {
        namespace: 'bank',
        selector: { branch: 'main' },
        ports: [{ port: 80, targetPort: 8080 }],
      })
      teller.update({ labels: { app: 'teller', branch: 'main' } })
      const target = `${bank.ip}:80`
      await until('the teller to be its endpoint', async () => (await answer(bob, target)) === 'teller')
      expect(await knows(bob, 'bank/teller')).toBe(true)
      expect(await knows(bob, 'bank/clerk')).toBe(false)

      clerk.update({ labels: { app: 'clerk', branch: 'main' } })
      teller.update({ labels: { app: 'teller' } })
      await until('the clerk to be it instead', async () => (await answer(bob, target)) === 'clerk')
      expect(await knows(bob, 'bank/teller')).toBe(false)
      clerk.update({ labels: { app: 'clerk' } })
      bank.remove()
      await until('bob to have forgotten it', async () => (await picture(bob)).services.length === 0)
    })

    test('a load balancer of another namespace’s is asked for too, though it lies beyond the networks', async () => {
      const target = '203.0.113.9:80'
      const bank = mesh.service('entrance', {
        namespace: 'bank',
        ingressAddresses: ['203.0.113.9'],
        selector: { app: 'teller' },
        ports: [{ port: 80, targetPort: 8080 }],
      })
      await until('the teller to answer there', async () => (await answer(bob, target)) === 'teller')
      await bob.sidecar.access('through the entrance, by mutual TLS', ({ destination, security }) => {
        return destination === target && security === 'mutual_tls'
      })
      bank.remove()
      await until('bob to have forgotten it', async () => (await picture(bob)).services.length === 0)
    })

    test('an address that nobody has is refused by name, and reached once somebody has it', async () => {
      const ip = '10.77.3.3'
      const started = performance.now()
      expect(await Conversation.refusal(alice, `${ip}:8080`)).toBe('reset')
      expect(performance.now() - started).toBeLessThan(1_000)
      expect(await recordOf(alice, `${ip}:8080`)).toMatchObject({ reason: 'unknown_in_mesh' })

      const late = await mesh.workload('late', { namespace: 'bank', addresses: [ip] })
      using _late = await Listener.open(late, 8080, { answer: (talk) => talk.say('late\n') })
      await until('alice to be told of it', async () => (await answer(alice, `${ip}:8080`)) === 'late')
      late.unregister()
      await until('alice to be told that it is gone', async () => !(await knows(alice, 'bank/late')))
      expect(await Conversation.refusal(alice, `${ip}:8080`)).toBe('reset')
    })

    test('a control plane that says nothing is waited for one second, and then nobody is reached', async () => {
      const { process } = mesh.controlPlane
      const quiet = await mesh.workload('quiet', { namespace: 'bank', meshed: false })
      using heard = await Listener.open(quiet, 8080, { answer: (talk) => talk.say('quiet\n') })
      process.signal('SIGSTOP')
      try {
        const started = performance.now()
        expect(await Conversation.refusal(alice, `${quiet.ip}:8080`)).toBe('reset')
        const waited = performance.now() - started
        expect(waited).toBeGreaterThan(950)
        expect(waited).toBeLessThan(1_500)
        expect(heard.taken).toHaveLength(0)
        // What is known already needs nobody's answer.
        expect(await answer(alice, `${teller.ip}:8080`)).toBe('teller')
      } finally {
        process.signal('SIGCONT')
      }
      await until('it to answer', async () => (await answer(alice, `${quiet.ip}:8080`)) === 'quiet')
    })

    test('the operator goes over to the whole mesh and back, and nothing that is connected is lost', async () => {
      using near = await Conversation.dial(alice, `${bob.ip}:8080`)
      using far = await Conversation.dial(alice, `${teller.ip}:8080`)
      await Promise.all([near.hears('\n'), far.hears('\n')])
      mesh.registry.setMesh({ sidecarScope: 'mesh' })
      await until('bob to know everybody', async () => await knows(bob, 'bank/clerk'))
      await until('the teller to know everybody', async () => await knows(teller, 'shop/alice'))
      expect(await answer(alice, `${teller.ip}:8080`)).toBe('teller')

      mesh.registry.setMesh({ sidecarScope: 'namespace' })
      await until('bob to know his own alone', async () => !(await knows(bob, 'bank/clerk')))
      await until('the teller to know his own alone', async () => !(await knows(teller, 'shop/alice')))
      // Alice has asked for him, so she keeps him; and he has no reason to think that she is gone.
      expect(await knows(alice, 'bank/teller')).toBe(true)
      expect([near.end, far.end]).toEqual([undefined, undefined])
      expect(await answer(alice, `${teller.ip}:8080`)).toBe('teller')
    })
  })

  describe('on the stream', () => {
    let mesh: Mesh
    let alice: Workload
    let bob: Workload

    beforeAll(async () => {
      mesh = await startMesh()
      ;[alice, bob] = await Promise.all([mesh.workload('alice'), mesh.workload('bob')])
      await Listener.open(bob, 8080, { answer: (talk) => talk.say('bob\n') })
      mesh.service('bob', { ports: [{ port: 80, targetPort: 8080 }] })
      mesh.policy(allowAlice('first'))
      await until('the policy to hold', async () => (await picture(bob)).policies.length === 1)
    })

    afterAll(async () => {
      await mesh?.[Symbol.asyncDispose]()
    })

    test('a restarted control plane resends nothing that is known, and all that changed meanwhile', async () => {
      const before = await Promise.all([alice, bob].map(picture))
      await mesh.controlPlane.kill()
      await until('both to have lost it', async () => (await states('away')).every(Boolean))
      await mesh.controlPlane.start()
      await until('both to have found it', async () => (await states('connected')).every(Boolean))
      // Four types, each answered once, with nothing in it.
      await until('every type to be answered', async () => (await pushed('responses')) >= 8)
      expect(await pushed('resources')).toBe(0)
      expect(await Promise.all([alice, bob].map(picture))).toEqual(before)

      await mesh.controlPlane.kill()
      await until('both to have lost it', async () => (await states('away')).every(Boolean))
      bob.update({ ready: false })
      await mesh.controlPlane.start()
      await until('bob’s change to arrive', async () => (await healthOf(bob, alice)) === 'unhealthy')
      await until('it to arrive at bob', async () => (await healthOf(bob, bob)) === 'unhealthy')
      expect(await pushed('resources')).toBe(2)
      bob.update({ ready: true })
      await until('bob to be ready', async () => (await healthOf(bob, alice)) === 'healthy')
    })

    test('no connection is refused while one policy takes the place of another', async () => {
      const over = new AbortController()
      let carried = 0
      const keepAsking = async (): Promise<void> => {
        while (!over.signal.aborted) {
          expect(await answer(alice, `${bob.ip}:8080`)).toBe('bob')
          carried += 1
        }
      }
      using live = await Conversation.dial(alice, `${bob.ip}:8080`)
      await live.hears('bob\n')
      const askers = Promise.all(Array.from({ length: 4 }, keepAsking))
      const names = ['second', 'third', 'fourth', 'fifth', 'sixth', 'first']
      for (const [i, name] of names.entries()) {
        // Each appears and its predecessor goes in one change of the file, so the order is the control plane's.
        const previous = names.at(i - 1)!
        mesh.registry.exchangePolicy(
          { namespace: 'shop', ...allowAlice(previous) },
          { namespace: 'shop', ...allowAlice(name) },
        )
        const before = carried
        await Promise.race([
          askers,
          until(
            'bob to hold it',
            async () => (await picture(bob)).policies.map((one) => one.name).join() === `shop/${name}`,
          ),
        ])
        await Promise.race([askers, until('some more to be carried', () => carried >= before + 10)])
      }
      over.abort()
      await askers
      expect(live.end).toBeUndefined()
    })

    test('whoever never reads costs the control plane little, and nobody else anything', async () => {
      const mallory = await mesh.workload('mallory', { sidecar: false })
      const crowd = Array.from({ length: 800 }, (_, i) => `crowd-${i}`)
      const token = await mesh.controlPlane.token(mallory.entry)
      const target = `${plan.controlPlane}:${ports.controlPlane}`
      const files = ['--bundle', mesh.controlPlane.trustBundle, '--token', token]
      const app = ['node', '/checkout/test/harness/apps/unread-stream.ts', '--target', target, ...files]
      mesh.registry.setWorkloads(crowd.map((name, i) => stranger(name, i, 'a')))
      await until(
        'alice to know the crowd',
        async () => (await picture(alice)).workloads.length > crowd.length,
      )
      await using unread = await mallory.start([...app, '--streams', '6'], { uid: sidecarUid })
      await until('four streams to be open, and no more', () => {
        const count = (text: string) => unread.output.filter((line) => line.startsWith(text)).length
        return count('opened') === 4 && count('refused') === 2
      })
      const before = await pushed('resources')
      const rounds = 'bcd'
      for (const round of rounds) {
        const changed = performance.now()
        mesh.registry.setWorkloads(crowd.map((name, i) => stranger(name, i, round)))
        await until(`alice and bob to have heard of round ${round}`, async () => {
          const known = await Promise.all([alice, bob].map((pod) => accounts(pod)))
          return known.every((names) => names.has(`crowd-${round}`))
        })
        // Reading the file and making the model of it is most of this; whoever waited for mallory would wait a minute.
        expect(performance.now() - changed).toBeLessThan(20_000)
      }
      // Each change went to two that read, and none of it to four streams that do not.
      const sent = (await pushed('resources')) - before
      expect(sent).toBeGreaterThanOrEqual(2 * rounds.length * crowd.length)
      expect(sent).toBeLessThan(2 * rounds.length * crowd.length + 100)
      mesh.registry.setWorkloads([])
    })

    async function accounts(pod: Workload): Promise<Set<string | undefined>> {
      const { workloads } = await picture(pod)
      return new Set(workloads.map(({ identity }) => identity.split('/').at(-1)))
    }

    async function states(wanted: Picture['controlPlane']): Promise<boolean[]> {
      return await Promise.all([alice, bob].map(async (pod) => (await picture(pod)).controlPlane === wanted))
    }

    /** Responses or resources that this control plane has sent since it began. */
    async function pushed(what: 'responses' | 'resources'): Promise<number> {
      const lines = (await mesh.controlPlane.metrics()).split('\n')
      const samples = lines.filter((line) => line.startsWith(`weft_push_${what}_total{`))
      return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
    }
  })

  function allowAlice(name: string) {
    return {
      kind: 'AuthorizationPolicy',
      name,
      selector: { app: 'bob' },
      rules: [{ from: [{ serviceAccounts: ['shop/alice'] }] }],
    } as const
  }

  async function picture(pod: Workload): Promise<Picture> {
    return (await pod.sidecar.admin('GET /config')) as Picture
  }

  async function knows(pod: Workload, other: string): Promise<boolean> {
    return (await picture(pod)).workloads.some(({ uid }) => uid.endsWith(`/${other}`))
  }

  async function healthOf(pod: Workload, at: Workload): Promise<string | undefined> {
    return (await picture(at)).workloads.find(({ uid }) => uid.endsWith(`/${pod.name}`))?.health
  }

  /** What a pod tells of its last connection to there. */
  async function recordOf(pod: Workload, target: string) {
    return await until('it to be told', () => {
      return pod.sidecar.accessLog().findLast(({ destination }) => destination === target)
    })
  }

  /** The first line that somebody says there. */
  async function answer(from: Workload, target: string): Promise<string> {
    using talk = await Conversation.dial(from, target)
    return (await talk.hears('\n')).trim()
  }

  function stranger(name: string, i: number, account: string) {
    return {
      name,
      namespace: 'crowd',
      serviceAccount: `crowd-${account}`,
      addresses: [`10.77.${200 + (i >> 8)}.${i & 0xff}`],
      labels: { app: 'crowd' },
      meshed: false,
      ready: true,
    }
  }
})
