import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildModel, ModelBuilder } from './build-model.ts'
import type { Model } from './model.ts'
import type { RegistryEndpoint, RegistryState } from './registry-state.ts'
import { endpoint, pod, policy, registry, service } from './testing/registries.ts'
import { typeUrls } from './type-urls.ts'

/** Small worlds in which every part of what a resource is made of comes, changes and goes. */
const world: fc.Arbitrary<RegistryState> = fc
  .record({
    pods: fc.uniqueArray(
      fc.record({
        id: fc.nat(5),
        bank: fc.boolean(),
        ready: fc.boolean(),
        meshed: fc.boolean(),
        hostNetwork: fc.boolean(),
        app: fc.constantFrom('a', 'b'),
        zone: fc.constantFrom('', 'a', 'b'),
        uid: fc.nat(1),
      }),
      { selector: ({ id, bank }) => `${bank} ${id}` },
    ),
    services: fc.uniqueArray(
      fc.record({
        bank: fc.boolean(),
        app: fc.constantFrom('a', 'b'),
        ip: fc.nat(2),
        named: fc.option(fc.uniqueArray(fc.nat(7), { maxLength: 3 }), { nil: undefined }),
        port: fc.constantFrom(80, 81),
        unready: fc.boolean(),
        near: fc.constantFrom('any' as const, 'prefer-zone' as const),
        affinity: fc.constantFrom(0, 60),
      }),
      { selector: ({ bank, app }) => `${bank} ${app}` },
    ),
    policies: fc.uniqueArray(fc.tuple(fc.constantFrom('shop/a', 'bank/b', 'weft-system/all'), fc.boolean()), {
      selector: ([key]) => key,
    }),
    sidecarScope: fc.constantFrom('mesh' as const, 'namespace' as const),
    egress: fc.constantFrom('passthrough' as const, 'registry-only' as const),
  })
  .map(({ pods, services, policies, sidecarScope, egress }) => {
    const empty = registry()
    return registry({
      mesh: { sidecarScope, settings: { ...empty.mesh.settings, egress } },
      workloads: pods.map(({ id, bank, app, zone, uid, ...parts }) =>
        // Two of them share a node's address, so that an alias changes hands.
        pod(
          `${bank ? 'bank' : 'shop'}/pod-${id}`,
          parts.hostNetwork ? '10.77.1.1' : `10.77.${Number(bank)}.${id}`,
          {
            ...parts,
            labels: { app },
            podUid: `${uid}`,
            locality: { region: '', zone, subzone: '' },
          },
        ),
      ),
      services: services.map(({ bank, app, ip, named, port, unready, near, affinity }) =>
        service(`${bank ? 'bank' : 'shop'}/${app}`, `10.77.${100 + Number(bank)}.${ip}`, {
          selector: named ? {} : { app },
          endpoints: named?.map(numbered),
          ports: [{ name: 'http', port, targetPort: 8080 }],
          publishNotReadyAddresses: unready,
          trafficDistribution: near,
          sessionAffinity: affinity ? { kind: 'client-ip', seconds: affinity } : { kind: 'none' },
        }),
      ),
      policies: policies.map(([key, dryRun]) => policy(key, { dryRun, selector: undefined })),
    })
  })

function numbered(id: number): RegistryEndpoint {
  // Some are at the address of the host, of which two name a pod there.
  return endpoint(id > 4 ? '10.77.1.1' : `10.77.0.${id}`, {
    pod: id > 5 ? `shop/pod-${id - 5}` : '',
    ready: id !== 3,
    ending: id === 3,
    ports: new Map([['http', 8080 + id]]),
  })
}

test('whatever was built before, a model is what it would be built from nothing', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(world, fc.constantFrom('OLD', 'OLD NEW')), { minLength: 2, maxLength: 6 }),
      (steps) => {
        const [builder, quick, known] = [new ModelBuilder(), new ModelBuilder(), new Map<string, object>()]
        for (const [state, rootsPem] of steps) {
          const bundle = { trustDomain: 'cluster.local', rootsPem }
          const fresh = plain(buildModel(state, bundle))
          expect(plain(builder.build(state, bundle))).toEqual(fresh)
          expect(plain(quick.build(withKnownObjects(state, known), bundle))).toEqual(fresh)
        }
      },
    ),
    { numRuns: 300 },
  )
})

/** The state made of objects that were there before, where they say the same, as the registry of a cluster makes it. */
function withKnownObjects(state: RegistryState, known: Map<string, object>): RegistryState {
  const same = <T extends object>(one: T): T => {
    const written = JSON.stringify(one, (_, value: unknown) => (value instanceof Map ? [...value] : value))
    if (!known.has(written)) known.set(written, one)
    return known.get(written) as T
  }
  return { ...state, workloads: state.workloads.map(same), services: state.services.map(same) }
}

test('what did not change is shared with the model before, and what did is not', () => {
  const builder = new ModelBuilder()
  const bundle = { trustDomain: 'cluster.local', rootsPem: 'ROOTS' }
  const state = (ready: boolean) =>
    registry({
      workloads: [pod('shop/a-1', '10.77.0.1', { ready }), pod('shop/a-2', '10.77.0.2')],
      services: [service('shop/a', '10.77.100.1')],
      policies: [policy('shop/a')],
    })
  const [before, after] = [builder.build(state(true), bundle), builder.build(state(false), bundle)]
  const changed = [...before.types].flatMap(([type, { byName }]) =>
    [...byName]
      .filter(([name, one]) => after.types.get(type)?.byName.get(name) !== one)
      .map(([name]) => name),
  )
  expect(changed).toEqual(['Kubernetes//Pod/shop/a-1'])
  expect(before.types.get(typeUrls.address)?.byName.size).toBe(3)
})

/** With bytes that a failed comparison can show, and maps in their order. */
function plain({ version, sidecarScope, types, pods }: Model) {
  const sets = [...types].map(([type, { byName, byAlias, endpoints }]) => ({
    type,
    resources: [...byName].map(([name, one]) => [
      name,
      {
        ...one,
        namespaces: [...one.namespaces].sort(),
        encoded: Buffer.from(one.encoded).toString('base64'),
      },
    ]),
    aliases: [...byAlias].map(([alias, { name }]) => [alias, name]),
    endpoints: [...endpoints].map(([key, list]) => [key, list.map(({ name }) => name)]),
  }))
  const callers = [...pods].map(([key, one]) => [key, { ...one, authorizations: [...one.authorizations] }])
  return { version, sidecarScope, sets, callers }
}
