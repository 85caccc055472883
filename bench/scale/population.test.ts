import { describe, expect, test } from 'vitest'
import { addressesSeen, population } from './population.ts'

describe('population', () => {
  const mesh = population(1_000)

  test('has as many pods as asked for, ten to a service, a hundred to a namespace', () => {
    expect(mesh.workloads).toHaveLength(1_000)
    expect(mesh.services).toHaveLength(100)
    const namespaces = Map.groupBy(mesh.workloads, ({ namespace }) => namespace)
    expect([...namespaces.values()].map((pods) => pods.length)).toEqual(Array(10).fill(100))
  })

  test('gives nothing twice', () => {
    for (const of of [
      mesh.workloads.map(({ namespace, name }) => `${namespace}/${name}`),
      mesh.workloads.map(({ podUid }) => podUid),
      [
        ...mesh.workloads.flatMap(({ addresses }) => addresses),
        ...mesh.services.map(({ addresses }) => addresses[0]?.ip),
      ],
    ]) {
      expect(new Set(of).size).toBe(of.length)
    }
  })

  test('refuses what its addresses do not suffice for', () => {
    expect(() => population(25_601)).toThrow('choose a whole number from 1 to 25600')
  })

  test('a sidecar sees its namespace with its services, or everything', () => {
    expect(addressesSeen(mesh, 'namespace', 'team-3')).toBe(110)
    expect(addressesSeen(mesh, 'mesh', 'team-3')).toBe(1_100)
  })
})
