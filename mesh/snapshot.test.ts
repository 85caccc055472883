import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { insideMesh } from './snapshot.ts'
import { backendKey, ip, service, settings, snapshot, workload } from './testing/mesh.ts'

describe('a snapshot', () => {
  it('knows who has an address, of either family', () => {
    const cart = workload('cart', ['10.77.0.1', 'fd77::1'])
    const backend = service(['10.77.100.1', 'fd77::64'])
    const mesh = snapshot({ workloads: [cart], services: [backend] })
    expect(mesh.workloadAt(ip('10.77.0.1'))).toBe(cart)
    expect(mesh.workloadAt(ip('fd77:0::1'))).toBe(cart)
    expect(mesh.serviceAt(ip('fd77::64'))).toBe(backend)
    expect(mesh.workloadAt(ip('10.77.100.1'))).toBeUndefined()
    expect(mesh.serviceAt(ip('10.77.0.1'))).toBeUndefined()
  })

  it('gives an address that two claim to the first of them by name, whichever came first', () => {
    const [a, b] = [workload('a', ['10.77.0.1']), workload('b', ['10.77.0.1'])]
    const [c, d] = ['shop/c', 'shop/d'].map((key) => service(['10.77.100.1'], { key }))
    for (const order of [<T>(items: T[]) => items, <T>(items: T[]) => items.toReversed()]) {
      const mesh = snapshot({ workloads: order([a, b]), services: order([c!, d!]) })
      expect(mesh.workloadAt(ip('10.77.0.1'))).toBe(a)
      expect(mesh.serviceAt(ip('10.77.100.1'))).toBe(c)
    }
  })

  it('takes a pod of the host’s network for the owner of the node’s address only where nobody else is', () => {
    const agent = workload('agent', ['10.77.0.1'], { hostNetwork: true, tunnel: 'none' })
    expect(snapshot({ workloads: [agent] }).workloadAt(ip('10.77.0.1'))).toBe(agent)
    const pod = workload('pod', ['10.77.0.1'], { tunnel: 'none' })
    expect(snapshot({ workloads: [agent, pod] }).workloadAt(ip('10.77.0.1'))).toBe(pod)
  })

  it('gives an address that two claim to the meshed one: a moment’s ambiguity is never plaintext', () => {
    const old = workload('a-old', ['10.77.0.1'], { tunnel: 'none' })
    const meshed = workload('b-new', ['10.77.0.1'])
    expect(snapshot({ workloads: [old, meshed] }).workloadAt(ip('10.77.0.1'))).toBe(meshed)
  })

  it('lists the endpoints of a service, ready or not, on the host’s network or not', () => {
    const services = { [backendKey]: [{ servicePort: 80, targetPort: 8080 }] }
    const one = workload('one', ['10.77.0.1'], { services })
    const two = workload('two', ['10.77.0.2'], { services, health: 'unhealthy' })
    const three = workload('three', ['10.0.0.1'], { services, hostNetwork: true })
    const mesh = snapshot({ workloads: [one, two, three, workload('other', ['10.77.0.4'])] })
    expect(mesh.endpointsOf(backendKey)).toEqual([one, two, three])
    expect(mesh.endpointsOf('shop/nobody')).toEqual([])
  })

  it('tells the same whatever order its parts came in', () => {
    const pods = fc.uniqueArray(
      fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 3 })),
      {
        selector: ([name]) => name,
        minLength: 1,
      },
    )
    fc.assert(
      fc.property(pods, (pods) => {
        const workloads = pods.map(([name, last]) => workload(name, [`10.77.0.${last}`]))
        const one = snapshot({ workloads })
        const other = snapshot({ workloads: workloads.toReversed() })
        for (const last of [1, 2, 3, 4]) {
          const owner = one.workloadAt(ip(`10.77.0.${last}`))
          expect(other.workloadAt(ip(`10.77.0.${last}`))).toBe(owner)
          const claims = workloads.filter((pod) => pod.addresses.includes(ip(`10.77.0.${last}`)))
          expect(owner?.uid).toBe(claims.map((pod) => pod.uid).sort()[0])
        }
      }),
    )
  })
})

describe('insideMesh', () => {
  it.each([
    ['10.77.0.0', true],
    ['10.77.255.255', true],
    ['10.78.0.0', false],
    ['fd77::ffff', true],
    ['fd77:0:0:1::', false],
    ['::ffff:10.77.0.1', true],
  ])('%s: %s', (address, inside) => {
    expect(insideMesh(settings(), ip(address))).toBe(inside)
  })

  it('is nothing where no network is', () => {
    expect(insideMesh(settings({ networks: [] }), ip('10.77.0.1'))).toBe(false)
  })
})
