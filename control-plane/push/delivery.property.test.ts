import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Resource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { Address } from '#proto/istio/workload/workload.ts'
import type { Model } from '../model/model.ts'
import { endpoint, pod, policy, registry, service } from '../model/testing/registries.ts'
import { publishedTypes, typeUrls } from '../model/type-urls.ts'
import type { DiscoveryResponse } from './response.ts'
import { covers, scopeOf } from './scope.ts'
import { Client, modelOf } from './testing/client.ts'

const own = pod('shop/own-1', '10.77.0.1')
const caller = { namespace: 'shop', podName: 'own-1', podUid: own.podUid, serviceAccount: 'default' }
const ownUid = 'Kubernetes//Pod/shop/own-1'

/** Worlds that always have the own pod; everything else comes, changes and goes. */
const world = fc
  .record({
    labels: fc.constantFrom('own', 'backend'),
    others: fc.uniqueArray(fc.tuple(fc.nat(7), fc.boolean(), fc.boolean()), { selector: ([id]) => id }),
    policies: fc.uniqueArray(
      fc.tuple(fc.constantFrom('shop/own', 'shop/backend', 'weft-system/all', 'bank/own'), fc.boolean()),
      { selector: ([key]) => key },
    ),
    services: fc.uniqueArray(
      fc.record({
        bank: fc.boolean(),
        ip: fc.nat(3),
        // Endpoints by selector, or by address: pods of either namespace, and machines that are no pod.
        named: fc.option(fc.uniqueArray(fc.nat(9), { maxLength: 3 }), { nil: undefined }),
      }),
      { selector: ({ ip }) => ip, maxLength: 3 },
    ),
    sidecarScope: fc.constantFrom('mesh' as const, 'namespace' as const),
  })
  .map(({ labels, others, policies, services, sidecarScope }) =>
    modelOf(
      registry({
        mesh: { sidecarScope },
        workloads: [
          { ...own, labels: { app: labels } },
          ...others.map(([id, bank, ready]) =>
            pod(`${bank ? 'bank' : 'shop'}/other-${id}`, `10.77.1.${id}`, { ready }),
          ),
        ],
        services: services.map(({ bank, ip, named }) =>
          service(`${bank ? 'bank' : 'shop'}/service-${ip}`, `10.77.100.${ip}`, {
            selector: named ? {} : { app: 'other' },
            endpoints: named?.map((id) => endpoint(`10.77.1.${id}`)),
          }),
        ),
        policies: policies.map(([key, dryRun]) =>
          policy(key, { dryRun, ...(key === 'weft-system/all' ? { selector: undefined } : {}) }),
        ),
      }),
    ),
  )

type Step =
  | { readonly do: 'publish'; readonly model: Model }
  | { readonly do: 'read' }
  | { readonly do: 'answer'; readonly type: string; readonly refusal: string | undefined }
  | { readonly do: 'ask' | 'forget'; readonly name: string }

const someName = fc.oneof(
  fc.nat(9).map((id) => `/10.77.1.${id}`),
  fc.nat(7).map((id) => `Kubernetes//Pod/bank/other-${id}`),
  fc.nat(3).map((ip) => `/10.77.100.${ip}`),
  fc.nat(3).map((ip) => `bank/service-${ip}.bank.svc.cluster.local`),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('publish' as const), model: world }),
  fc.record({ do: fc.constant('read' as const) }),
  fc.record({
    do: fc.constant('answer' as const),
    type: fc.constantFrom(...publishedTypes),
    refusal: fc.option(fc.constant('no'), { nil: undefined }),
  }),
  fc.record({ do: fc.constantFrom('ask' as const, 'forget' as const), name: someName }),
)

test('whatever happens, the client ends in step, and never holds its workload without the policies it names', () => {
  fc.assert(
    fc.property(
      world,
      fc.array(step, { maxLength: 80, size: 'max' }),
      fc.boolean(),
      (first, steps, resumes) => {
        let model = first
        let client = new Client(model, 'own-1')
        if (resumes) client = resumed(client.subscribeToAll().settle(), model)
        else client.subscribeToAll()
        const asked = new Set<string>()
        for (const one of steps) {
          switch (one.do) {
            case 'publish':
              model = one.model
              client.publish(model)
              break
            case 'read':
              checkResponse(client, client.read(), model)
              break
            case 'answer':
              client.answer(one.type, one.refusal)
              break
            case 'ask':
              asked.add(one.name)
              client.request(typeUrls.address, { subscribe: [one.name] })
              break
            case 'forget':
              asked.delete(one.name)
              client.request(typeUrls.address, { unsubscribe: [one.name] })
              // What only this name covered is the client's to forget.
              forgetUncovered(client, model, asked)
              break
          }
        }
        client.settle()
        for (const type of publishedTypes) {
          expect(held(client, type)).toEqual(
            expected(model, type, type === typeUrls.address ? asked : new Set()),
          )
        }
      },
    ),
    { numRuns: 400 },
  )
})

/** A new stream of a client that kept what it held. */
function resumed(before: Client, model: Model): Client {
  const client = new Client(model, 'own-1')
  for (const type of publishedTypes) {
    const known = new Map(before.held.get(type))
    client.held.set(type, known)
    client.request(type, { initialVersions: new Map(known) })
  }
  return client
}

function checkResponse(client: Client, response: DiscoveryResponse | undefined, model: Model): void {
  if (!response) return
  expect(response.modelVersion).toBe(model.version)
  for (const resource of response.resources) {
    const type = publishedTypes.find((published) => published === response.type)!
    expect(model.types.get(type)?.byName.get(resource.name)).toBe(resource)
    const own = type === typeUrls.address && resource.name === ownUid ? resource : undefined
    if (!own) continue
    const decoded = Address.decode(Resource.decode(own.encoded).resource!.value).type
    const named = decoded?.$case === 'workload' ? decoded.value.authorizationPolicies : []
    expect(client.names(typeUrls.authorization)).toEqual(expect.arrayContaining(named))
  }
  if (response.type === typeUrls.authorization && response.removed.length > 0) {
    expect(heldPolicies(client, model)).not.toEqual(expect.arrayContaining([...response.removed]))
  }
}

/** The policies that the client's copy of its own workload names, if that copy is the newest. */
function heldPolicies(client: Client, model: Model): string[] {
  const resource = model.types.get(typeUrls.address)?.byName.get(ownUid)
  if (!resource) return []
  expect(client.held.get(typeUrls.address)?.get(ownUid)).toBe(resource.version)
  return [...(scopeOf(model, caller)?.authorizations ?? [])]
}

function forgetUncovered(client: Client, model: Model, asked: ReadonlySet<string>): void {
  const wanted = expected(model, typeUrls.address, asked)
  for (const name of client.names(typeUrls.address)) {
    if (!wanted.has(name)) client.held.get(typeUrls.address)?.delete(name)
  }
}

function held(client: Client, type: string): Map<string, string> {
  return client.held.get(type) ?? new Map()
}

function expected(model: Model, type: (typeof publishedTypes)[number], asked: ReadonlySet<string>) {
  const scope = scopeOf(model, caller)!
  const resources = [...(model.types.get(type)?.byName.values() ?? [])]
  const covered = resources.filter((resource) => covers(scope, { wildcard: true, asked }, type, resource))
  return new Map(covered.map(({ name, version }) => [name, version]))
}
