import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EndpointAddress, SocketAddress } from '#mesh/address.ts'
import type { Endpoint } from '#mesh/route.ts'
import { to } from '#mesh/testing/mesh.ts'
import { inOrderOfTrial } from './balance.ts'

function endpoints(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, i) => ({
    address: to('10.77.0.1', i + 1) as EndpointAddress,
    workload: undefined,
    transport: 'hbone',
  }))
}

const draw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('inOrderOfTrial', () => {
  it('yields each endpoint once, three at most, and every one where there are fewer', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 8 }),
        fc.infiniteStream(draw),
        fc.func(fc.nat()),
        (count, draws, load) => {
          const all = endpoints(count)
          const tried = [...inOrderOfTrial(all, load, () => draws.next().value)]
          expect(tried).toHaveLength(Math.min(count, 3))
          expect(new Set(tried).size).toBe(tried.length)
          for (const endpoint of tried) expect(all).toContain(endpoint)
          expect(all).toHaveLength(count)
        },
      ),
    )
  })

  it('takes the less loaded of two, whatever chance says', () => {
    fc.assert(
      fc.property(fc.infiniteStream(draw), fc.nat(50), fc.nat(50), (draws, a, b) => {
        fc.pre(a !== b)
        const load = ({ port }: SocketAddress): number => (port === 1 ? a : b)
        const [first] = inOrderOfTrial(endpoints(2), load, () => draws.next().value)
        expect(first?.address.port).toBe(a < b ? 1 : 2)
      }),
    )
  })

  it('never begins with the most loaded of many', () => {
    fc.assert(
      fc.property(fc.infiniteStream(draw), fc.integer({ min: 2, max: 9 }), fc.nat(), (draws, count, pick) => {
        const busiest = (pick % count) + 1
        const load = ({ port }: SocketAddress): number => (port === busiest ? 9 : 1)
        const [first] = inOrderOfTrial(endpoints(count), load, () => draws.next().value)
        expect(first?.address.port).not.toBe(busiest)
      }),
    )
  })

  it('spreads connections evenly where nobody is loaded', () => {
    const counts = new Map<number, number>()
    for (let i = 0; i < 4_000; i++) {
      const [first] = inOrderOfTrial(endpoints(4), () => 0)
      counts.set(first!.address.port, (counts.get(first!.address.port) ?? 0) + 1)
    }
    for (const count of counts.values()) {
      expect(count).toBeGreaterThan(800)
      expect(count).toBeLessThan(1_200)
    }
    expect(counts.size).toBe(4)
  })

  it('keeps loads together where it is told of them', () => {
    const loads = new Map<number, number>()
    const load = ({ port }: SocketAddress): number => loads.get(port) ?? 0
    for (let i = 0; i < 1_000; i++) {
      const [first] = inOrderOfTrial(endpoints(10), load)
      loads.set(first!.address.port, load(first!.address) + 1)
    }
    expect(Math.max(...loads.values()) - Math.min(...loads.values())).toBeLessThanOrEqual(10)
  })

  it('begins with the endpoint that is meant, however loaded, and tries each other once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.infiniteStream(draw), fc.nat(), (count, draws, at) => {
        const all = endpoints(count)
        const first = all[at % count]!
        const load = ({ port }: SocketAddress) => (port === first.address.port ? 1_000 : 0)
        const tried = [...inOrderOfTrial(all, load, () => draws.next().value, first)]
        expect(tried[0]).toBe(first)
        expect(tried).toHaveLength(Math.min(count, 3))
        expect(new Set(tried).size).toBe(tried.length)
      }),
    )
  })
})
