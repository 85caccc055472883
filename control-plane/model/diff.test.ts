import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildModel } from './build-model.ts'
import { diff } from './diff.ts'
import type { Model } from './model.ts'
import { pod, policy, registry } from './testing/registries.ts'
import { publishedTypes } from './type-urls.ts'

const bundle = { trustDomain: 'cluster.local', rootsPem: 'ROOTS' }
const model = fc
  .record({
    pods: fc.uniqueArray(fc.nat(6)),
    unready: fc.uniqueArray(fc.nat(6)),
    policies: fc.uniqueArray(fc.constantFrom('web-1', 'web', 'other')),
  })
  .map(({ pods, unready, policies }) =>
    buildModel(
      registry({
        workloads: pods.map((i) => pod(`shop/web-${i}`, `10.77.0.${i + 1}`, { ready: !unready.includes(i) })),
        policies: policies.map((name) => policy(`shop/${name}`)),
      }),
      bundle,
    ),
  )

test('a difference turns one model into the other, and is empty between equal ones', () => {
  fc.assert(
    fc.property(model, model, (previous, next) => {
      const differences = diff(previous, next)
      for (const type of publishedTypes) {
        const held = versions(previous, type)
        for (const name of differences.get(type)?.removed ?? []) expect(held.delete(name)).toBe(true)
        for (const name of differences.get(type)?.changed ?? []) {
          held.set(name, next.types.get(type)!.byName.get(name)!.version)
        }
        expect(held).toEqual(versions(next, type))
      }
      expect(diff(next, next).size).toBe(0)
    }),
  )
})

function versions(from: Model, type: (typeof publishedTypes)[number]): Map<string, string> {
  return new Map([...from.types.get(type)!.byName.values()].map(({ name, version }) => [name, version]))
}
