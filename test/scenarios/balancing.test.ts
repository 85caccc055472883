import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Conversation, Listener } from '#test/harness/conversation.ts'
import { type Mesh, type Service, type ServiceOptions, startMesh } from '#test/harness/mesh.ts'
import type { EndpointEntry } from '#test/harness/registry-file.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

// Which endpoint of a service a pod gets, as kube-proxy, which the mesh bypasses, would have chosen.
describe.skipIf(lacks('balancing'))('balancing', () => {
  let mesh: Mesh
  let alice: Workload
  let here: Workload
  let near: Workload
  let far: Workload
  let machine: Workload
  let elsewhere: Workload
  const services: Service[] = []
  const port = 7000

  beforeAll(async () => {
    mesh = await startMesh({ mesh: { egress: 'registry-only' } })
    const choir = { labels: { app: 'choir' } }
    ;[alice, here, near, far, machine, elsewhere] = await Promise.all([
      mesh.workload('alice', { node: 'node-a', zone: 'a' }),
      mesh.workload('here', { ...choir, node: 'node-a', zone: 'a' }),
      mesh.workload('near', { ...choir, node: 'node-b', zone: 'a' }),
      mesh.workload('far', { ...choir, node: 'node-c', zone: 'b' }),
      mesh.workload('machine', { meshed: false, registered: false, addresses: ['192.0.2.10'] }),
      mesh.workload('elsewhere', { namespace: 'bank', ports: { song: port } }),
    ])
    for (const singer of [here, near, far, machine, elsewhere]) {
      await Listener.open(singer, port, { answer: (talk) => talk.say(`${singer.name}\n`) })
    }
  })

  afterEach(() => {
    for (const service of services.splice(0)) service.remove()
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe('row 9: a load balancer’s address', () => {
    test('leads to its service, by mTLS', async () => {
      await choir({ ingressAddresses: ['203.0.113.9'] })
      await until('the address to be known', () => sung('203.0.113.9:80'))
      expect(await securityOf('203.0.113.9:80')).toBe('mutual_tls')
    })
  })

  describe('row 11: a service that names its endpoints', () => {
    test('leads in plaintext to a machine outside the mesh, which registry-only would else refuse', async () => {
      expect(await Conversation.refusal(alice, `${machine.ip}:${port}`)).toBe('reset')
      const service = await naming([{ address: machine.ip }])
      expect(await sung(`${service.ip}:80`)).toBe('machine')
      expect(await securityOf(`${service.ip}:80`)).toBe('none')
      // Named by a service, it is known: its address may be dialled as well.
      expect(await sung(`${machine.ip}:${port}`)).toBe('machine')
    })

    test('leads by mTLS to a named address that is a meshed pod’s, of any namespace', async () => {
      const service = await naming([{ address: elsewhere.ip }])
      expect(await sung(`${service.ip}:80`)).toBe('elsewhere')
      expect(await securityOf(`${service.ip}:80`)).toBe('mutual_tls')
    })

    test('leads to none that is not ready, and is reset at once when there is no other', async () => {
      const service = await naming([{ address: machine.ip, ready: false }, { address: here.ip }])
      expect(await singers(service, 8)).toEqual(['here'])
      service.update({ endpoints: [{ address: here.ip, ready: false }] })
      await until('nobody to be left', async () => (await refusal(`${service.ip}:80`)) === 'no_endpoints')
      service.update({ endpoints: [{ address: machine.ip }] })
      await until('the machine to be back', async () => (await sung(`${service.ip}:80`)) === 'machine')
    })

    test('gives each endpoint the port that it names', async () => {
      using _high = await Listener.open(machine, 7100, { answer: (talk) => talk.say('machine, high\n') })
      const service = await naming([{ address: machine.ip, ports: { sing: 7100 } }])
      expect(await sung(`${service.ip}:80`)).toBe('machine, high')
    })
  })

  describe('row 12: ports', () => {
    test('a target port by name is the number that each pod gives it', async () => {
      using _other = await Listener.open(near, 7200, { answer: (talk) => talk.say('near, elsewhere\n') })
      here.update({ ports: { song: port } })
      near.update({ ports: { song: 7200 } })
      const service = await choir({ ports: [{ name: 'sing', port: 80, targetPort: 'song' }] })
      // Far has no port of that name, and so does not serve it.
      await until('both to sing', async () => (await singers(service, 12)).length === 2)
      expect(await singers(service, 12)).toEqual(['here', 'near, elsewhere'])
    })

    test('the same number on TCP and UDP are two ports, of which UDP is not touched', async () => {
      const service = await choir({
        ports: [
          { name: 'sing-udp', port: 80, targetPort: 5353, protocol: 'UDP' },
          { name: 'sing', port: 80, targetPort: port },
        ],
      })
      expect(await sung(`${service.ip}:80`)).toMatch(/^(here|near|far)$/)
      expect(await echoedOverUdp()).toBe('over UDP')
    })
  })

  describe('row 13: where an endpoint is', () => {
    test('internalTrafficPolicy Local leads to the own node only, and nowhere without one', async () => {
      const service = await choir({ internalTrafficPolicy: 'Local' })
      expect(await singers(service, 10)).toEqual(['here'])
      here.update({ ready: false })
      await until('nobody to be left', async () => (await refusal(`${service.ip}:80`)) === 'no_endpoints')
      const record = alice.sidecar.accessLog().findLast(({ outcome }) => outcome === 'refused')
      expect(record?.['detail']).toBe(
        'service shop/choir.shop.svc.cluster.local has no ready endpoint on node node-a, and leads to no other',
      )
      here.update({ ready: true })
      await until('it to lead there again', async () => (await sung(`${service.ip}:80`)) === 'here')
    })

    test('PreferSameZone leads to the own zone while somebody is ready there', async () => {
      const service = await choir({ trafficDistribution: 'PreferSameZone' })
      expect(await singers(service, 20)).toEqual(['here', 'near'])
      here.update({ ready: false })
      near.update({ ready: false })
      await until('the other zone to be taken', async () => (await sung(`${service.ip}:80`)) === 'far')
      here.update({ ready: true })
      near.update({ ready: true })
      await until('the own zone to be back', async () => (await sung(`${service.ip}:80`)) !== 'far')
    })

    test('PreferSameNode leads to the own node, then to the own zone', async () => {
      const service = await choir({ trafficDistribution: 'PreferSameNode' })
      expect(await singers(service, 10)).toEqual(['here'])
      here.update({ ready: false })
      await until('the own zone to be taken', async () => (await sung(`${service.ip}:80`)) === 'near')
      here.update({ ready: true })
    })

    test('an endpoint in no zone ends the preference for all of them', async () => {
      const service = await choir({ trafficDistribution: 'PreferSameZone' })
      await until('the preference to hold', async () => (await singers(service, 12)).join() === 'here,near')
      const { zone, ...nowhere } = far.entry
      expect(zone).toBe('b')
      mesh.registry.setWorkload(nowhere)
      await until('all of them to be taken', async () => (await singers(service, 20)).length === 3)
      mesh.registry.setWorkload(far.entry)
    })

    test('hints of named endpoints count before the zones that they are in', async () => {
      const service = await naming([
        { address: here.ip, zone: 'a', hints: ['b'] },
        { address: far.ip, zone: 'b', hints: ['a'] },
      ])
      await until('the hint to hold', async () => (await singers(service, 8)).join() === 'far')
      service.update({ endpoints: [{ address: here.ip, zone: 'a', hints: ['b'] }, { address: far.ip }] })
      await until('both to be taken', async () => (await singers(service, 12)).length === 2)
    })
  })

  describe('row 13: sessionAffinity ClientIP', () => {
    test('gives a pod the endpoint that it had, another when that is gone, and then keeps that', async () => {
      const service = await choir({ sessionAffinity: 'ClientIP' })
      const first = await until('the affinity to hold', async () => {
        const names = await singers(service, 10)
        return names.length === 1 && names[0]
      })
      const kept = [here, near, far].find(({ name }) => name === first)!
      kept.update({ ready: false })
      const second = await until('another to be taken', async () => {
        const now = await sung(`${service.ip}:80`)
        return now !== first && now
      })
      kept.update({ ready: true })
      await until('alice to know that it is back', async () => (await healthOf(kept)) === 'healthy')
      expect(await singers(service, 10)).toEqual([second])
    })

    test('ends when the pod was away for longer than it says', async () => {
      const service = await choir({ sessionAffinity: 'ClientIP', sessionAffinitySeconds: 1 })
      await until('the affinity to hold', async () => (await singers(service, 10)).length === 1)
      const names = new Set<string>()
      await until(
        'somebody else to be chosen',
        async () => {
          names.add(await sung(`${service.ip}:80`))
          await new Promise((resolve) => setTimeout(resolve, 1_050))
          return names.size > 1
        },
        { timeout: 40_000 },
      )
    })
  })

  /** The service `choir`, once alice knows it as it is now. */
  async function choir(options: Partial<ServiceOptions>): Promise<Service> {
    return await known(
      mesh.service('choir', { ports: [{ name: 'sing', port: 80, targetPort: port }], ...options }),
    )
  }

  async function naming(endpoints: readonly EndpointEntry[]): Promise<Service> {
    return await known(
      mesh.service('choir', { endpoints, ports: [{ name: 'sing', port: 80, targetPort: port }] }),
    )
  }

  async function known(service: Service): Promise<Service> {
    services.push(service)
    await until('alice to know the service', async () => {
      const { services: all } = (await alice.sidecar.admin('GET /config')) as {
        services: { addresses: unknown }[]
      }
      return all.some(({ addresses }) => JSON.stringify(addresses).includes(`"${service.ip}"`))
    })
    return service
  }

  async function healthOf(workload: Workload): Promise<string | undefined> {
    const { workloads } = (await alice.sidecar.admin('GET /config')) as {
      workloads: { uid: string; health: string }[]
    }
    return workloads.find(({ uid }) => uid.endsWith(`/${workload.name}`))?.health
  }

  /** Who answers there. */
  async function sung(target: string): Promise<string> {
    using talk = await Conversation.dial(alice, target)
    return (await talk.hears('\n')).trim()
  }

  /** Everybody who answers, by name, in so many connections that are open at once. */
  async function singers(service: Service, count: number): Promise<string[]> {
    using all = new DisposableStack()
    const names = new Set<string>()
    for (let i = 0; i < count; i++) {
      const talk = all.use(await Conversation.dial(alice, `${service.ip}:80`))
      names.add((await talk.hears('\n')).trim())
    }
    return [...names].sort()
  }

  async function securityOf(target: string): Promise<unknown> {
    using talk = await Conversation.dial(alice, target)
    await talk.hears('\n')
    const open = await alice.sidecar.connections()
    return open.find(({ destination }) => destination === target)?.['security']
  }

  /** Why the target is refused; undefined while somebody answers there. */
  async function refusal(target: string): Promise<unknown> {
    const before = alice.sidecar.accessLog().length
    try {
      await sung(target)
      return undefined
    } catch {
      const told = () =>
        alice.sidecar
          .accessLog()
          .slice(before)
          .find(({ outcome }) => outcome === 'refused')
      return (await until('the record of it', told))['reason']
    }
  }

  async function echoedOverUdp(): Promise<string> {
    const program = `
      const socket = require('node:dgram').createSocket('udp4')
      socket.on('message', (bytes, { port, address }) => socket.send(bytes, port, address))
      socket.bind(5353, () => console.log('listening'))`
    await using server = await here.start(['node', '-e', program])
    await server.line(/^listening/)
    const client = `
      const socket = require('node:dgram').createSocket('udp4')
      socket.on('message', (bytes) => { console.log(String(bytes)); socket.close() })
      socket.send('over UDP', 5353, '${here.ip}')`
    return (await alice.run(['node', '-e', client])).trim()
  }
})
