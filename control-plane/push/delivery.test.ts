import { describe, expect, test } from 'vitest'
import { endpoint, pod, policy, registry, service } from '../model/testing/registries.ts'
import { typeUrls } from '../model/type-urls.ts'
import { RequestError } from './request.ts'
import { encodeResponse } from './response.ts'
import { Client, modelOf } from './testing/client.ts'

const { settings, secret, authorization, address } = typeUrls
const frontend = pod('shop/frontend-1', '10.77.0.11')
const backend = pod('shop/backend-1', '10.77.0.12')
const teller = pod('bank/teller-1', '10.77.0.21')
const uid = (name: string) => `Kubernetes//Pod/${name}`
const workloads = [frontend, backend, teller]

describe('scope', () => {
  const state = registry({ workloads, policies: [policy('shop/backend'), policy('bank/teller')] })

  test('mesh: every address, and the policies of the own workload alone', () => {
    const client = new Client(modelOf(state), 'backend-1').subscribeToAll().settle()
    expect(client.names(address)).toEqual([
      uid('bank/teller-1'),
      uid('shop/backend-1'),
      uid('shop/frontend-1'),
    ])
    expect(client.names(authorization)).toEqual(['shop/backend'])
    expect(client.names(settings)).toEqual(['mesh'])
    expect(client.names(secret)).toEqual(['cluster.local'])
  })

  test('namespace: the own namespace, and what is asked for by address', () => {
    const model = modelOf({ ...state, mesh: { ...state.mesh, sidecarScope: 'namespace' } })
    const client = new Client(model, 'backend-1').subscribeToAll().settle()
    expect(client.names(address)).toEqual([uid('shop/backend-1'), uid('shop/frontend-1')])
    client.request(address, { subscribe: ['/10.77.0.21'] })
    expect(client.settle().names(address)).toContain(uid('bank/teller-1'))
  })

  test("another workload's policy is nobody's, also when asked for by name", () => {
    const client = new Client(modelOf(state), 'frontend-1')
    client.request(authorization, { subscribe: ['shop/backend'] })
    expect(client.settle().received.flatMap(({ resources }) => resources)).toEqual([])
    expect(client.received.at(-1)?.removed).toEqual(['shop/backend'])
  })

  test('namespace: a wildcard, however it is asked for, covers no other namespace', () => {
    const model = modelOf({ ...state, mesh: { ...state.mesh, sidecarScope: 'namespace' } })
    const client = new Client(model, 'backend-1')
    client.request(address, { wildcard: true, subscribe: ['*/*', 'bank/*', uid('bank/*')] })
    expect(client.settle().names(address)).toEqual([uid('shop/backend-1'), uid('shop/frontend-1')])
  })

  test('follows the operator from one scope to the other', () => {
    const client = new Client(modelOf(state), 'backend-1').subscribeToAll().settle()
    client.publish(modelOf({ ...state, mesh: { ...state.mesh, sidecarScope: 'namespace' } }))
    expect(client.settle().names(address)).toEqual([uid('shop/backend-1'), uid('shop/frontend-1')])
    client.publish(modelOf(state))
    expect(client.settle().names(address)).toHaveLength(3)
  })

  test('follows the labels of the own workload', () => {
    const client = new Client(modelOf(state), 'frontend-1').subscribeToAll().settle()
    const relabelled = { ...frontend, labels: { app: 'backend' } }
    client.publish(modelOf({ ...state, workloads: [relabelled, backend, teller] }))
    expect(client.settle().names(authorization)).toEqual(['shop/backend'])
    client.publish(modelOf(state))
    expect(client.settle().names(authorization)).toEqual([])
  })
})

describe('on demand', () => {
  const state = registry({ workloads })

  test('an address that nobody has is answered as removed, and heard of once somebody has it', () => {
    const client = new Client(modelOf(state), 'frontend-1').subscribeToAll().settle()
    client.request(address, { subscribe: ['/10.77.0.99'] })
    expect(client.read()).toMatchObject({ resources: [], removed: ['/10.77.0.99'] })
    client.publish(modelOf({ ...state, workloads: [...workloads, pod('shop/new-1', '10.77.0.99')] }))
    expect(client.settle().names(address)).toContain(uid('shop/new-1'))
    client.publish(modelOf(state))
    client.settle()
    expect(client.received.at(-1)?.removed.toSorted()).toEqual(['/10.77.0.99', uid('shop/new-1')])
  })

  test('what is asked for is answered although it was sent before', () => {
    const client = new Client(modelOf(state), 'frontend-1').subscribeToAll().settle()
    client.request(address, { subscribe: ['/10.77.0.12', uid('shop/backend-1')] })
    expect(client.read()?.resources.map(({ name }) => name)).toEqual([uid('shop/backend-1')])
  })

  test('without a wildcard nothing else is sent, and nothing after unsubscribing', () => {
    const client = new Client(modelOf(state), 'frontend-1')
    client.request(address, { subscribe: ['/10.77.0.12'] })
    expect(client.settle().names(address)).toEqual([uid('shop/backend-1')])
    client.request(address, { unsubscribe: ['/10.77.0.12'] })
    client.publish(modelOf({ ...state, workloads: [frontend, { ...backend, ready: false }] }))
    expect(client.read()).toBeUndefined()
  })

  test('too many names are refused', () => {
    const client = new Client(modelOf(state), 'frontend-1')
    const subscribe = Array.from({ length: 5_001 }, (_, i) => `/10.78.${i >> 8}.${i & 255}`)
    expect(() => client.request(address, { subscribe })).toThrow(RequestError)
  })
})

describe('a service, in a mesh that is seen by namespace', () => {
  const bank = 'bank/teller.bank.svc.cluster.local'
  const second = pod('bank/teller-2', '10.77.0.22')
  const state = registry({
    mesh: { sidecarScope: 'namespace' },
    workloads,
    services: [service('bank/teller', '10.77.100.1')],
  })
  const asked = () => {
    const client = new Client(modelOf(state), 'frontend-1').subscribeToAll().settle()
    client.request(address, { subscribe: ['/10.77.100.1'] })
    return client
  }

  test('of another namespace is answered with its endpoints, all of one moment', () => {
    const client = asked()
    expect(client.read()?.resources.map(({ name }) => name)).toEqual([bank, uid('bank/teller-1')])
    expect(client.settle().names(address)).toEqual([
      uid('bank/teller-1'),
      uid('shop/backend-1'),
      uid('shop/frontend-1'),
      bank,
    ])
  })

  test('brings endpoints that join it, and takes those away that leave it', () => {
    const client = asked().settle()
    client.publish(modelOf({ ...state, workloads: [...workloads, second] }))
    expect(client.settle().names(address)).toContain(uid('bank/teller-2'))
    client.publish(modelOf({ ...state, workloads: [...workloads, { ...second, labels: {} }] }))
    expect(client.settle().names(address)).not.toContain(uid('bank/teller-2'))
    client.publish(modelOf({ ...state, services: [] }))
    expect(client.settle().names(address)).toEqual([uid('shop/backend-1'), uid('shop/frontend-1')])
    expect(client.received.at(-1)?.removed).toContain('/10.77.100.1')
  })

  test('goes with its endpoints when its address does', () => {
    const client = asked().settle()
    client.publish(modelOf({ ...state, services: [service('bank/teller', '10.77.100.2')] }))
    expect(client.settle().names(address)).toEqual([uid('shop/backend-1'), uid('shop/frontend-1')])
    client.publish(modelOf(state))
    expect(client.settle().names(address)).toContain(uid('bank/teller-1'))
  })

  test('of the own namespace brings the endpoints that it names in others', () => {
    const own = service('shop/teller', '10.77.100.3', {
      selector: {},
      endpoints: [endpoint(teller.addresses[0]!)],
    })
    const client = new Client(modelOf({ ...state, services: [own] }), 'frontend-1').subscribeToAll().settle()
    expect(client.names(address)).toContain(uid('bank/teller-1'))
    client.publish(modelOf({ ...state, services: [] }))
    expect(client.settle().names(address)).not.toContain(uid('bank/teller-1'))
  })

  test('that is known is not sent again, nor its endpoints, when the client comes back', () => {
    const client = asked().settle()
    const again = new Client(modelOf(state), 'frontend-1')
    const initialVersions = client.held.get(address)!
    again.request(address, { wildcard: true, subscribe: ['/10.77.100.1'], initialVersions })
    expect(again.read()).toMatchObject({ resources: [], removed: [] })
  })

  test('is forgotten with its endpoints when nobody asks any longer', () => {
    const client = asked().settle()
    client.request(address, { unsubscribe: ['/10.77.100.1'] })
    expect(client.settle().names(address)).not.toContain(uid('bank/teller-1'))
  })
})

describe('resume', () => {
  const model = modelOf(registry({ workloads }))

  test('what the client holds already is not sent, and what is gone is named', () => {
    const before = new Client(model, 'frontend-1').subscribeToAll().settle()
    const known = new Map(before.held.get(address))
    known.set(uid('shop/backend-1'), 'old')
    known.set('gone', 'v')
    const client = new Client(model, 'frontend-1')
    client.request(address, { initialVersions: known })
    const response = client.read()
    expect(response?.resources.map(({ name }) => name)).toEqual([uid('shop/backend-1')])
    expect(response?.removed).toEqual(['gone'])
    expect(client.settle().received).toHaveLength(1)
  })

  test('a client in step is told so with an empty response', () => {
    const before = new Client(model, 'frontend-1').subscribeToAll().settle()
    const client = new Client(model, 'frontend-1')
    client.request(address, { initialVersions: before.held.get(address)! })
    expect(client.read()).toMatchObject({ resources: [], removed: [] })
  })
})

describe('order', () => {
  const plain = registry({ workloads: [frontend, backend] })
  const guarded = registry({ workloads: [frontend, backend], policies: [policy('shop/backend')] })

  test('settings and trust first, then policies, then addresses', () => {
    const client = new Client(modelOf(guarded), 'backend-1')
    for (const type of [address, authorization, secret, settings]) client.request(type)
    client.settle()
    expect(client.received.map(({ type }) => type)).toEqual([settings, secret, authorization, address])
  })

  test('a policy comes before the workload that names it, and goes after', () => {
    const client = new Client(modelOf(plain), 'backend-1').subscribeToAll().settle()
    client.received.length = 0
    client.publish(modelOf(guarded))
    client.settle()
    expect(client.received.map(({ type }) => type)).toEqual([authorization, address])
    client.received.length = 0
    client.publish(modelOf(plain))
    client.settle()
    expect(client.received.map(({ type }) => type)).toEqual([address, authorization])
    expect(client.received.at(-1)?.removed).toEqual(['shop/backend'])
  })

  test('addresses wait while policies are due and the client has not answered the last ones', () => {
    const client = new Client(modelOf(plain), 'backend-1').subscribeToAll()
    for (let i = 0; i < 4; i++) client.read()
    client.answer(address)
    client.publish(modelOf(guarded))
    expect(client.read()).toBeUndefined()
    client.answer(authorization)
    expect(client.read()?.type).toBe(authorization)
    expect(client.read()?.type).toBe(address)
  })
})

describe('answers', () => {
  const model = modelOf(registry({ workloads }))

  test('the next response of a type waits for the answer to the one before, and holds the newest content', () => {
    const client = new Client(model, 'frontend-1')
    client.request(address)
    client.read()
    for (const ready of [false, true, false]) {
      client.publish(modelOf(registry({ workloads: [frontend, { ...backend, ready }] })))
      expect(client.read()).toBeUndefined()
    }
    client.answer(address)
    expect(client.read()?.resources.map(({ name }) => name)).toEqual([uid('shop/backend-1')])
    client.answer(address)
    expect(client.read()).toBeUndefined()
  })

  test('a refusal is told with the names, and what was refused is not sent again until it changes', () => {
    const client = new Client(model, 'frontend-1')
    client.request(address)
    client.read()
    expect(client.answer(address, 'backend: bad')).toMatchObject({ kind: 'nack', refusal: 'backend: bad' })
    expect(client.read()).toBeUndefined()
  })

  test('an answer to an older nonce says nothing', () => {
    const client = new Client(model, 'frontend-1')
    client.request(address)
    client.read()
    expect(client.request(address, { answer: { nonce: '99', refusal: undefined } })).toEqual({ kind: 'none' })
    expect(client.delivery.waiting).toBe(true)
  })
})

test('a type that nobody publishes is answered once, with nothing', () => {
  const client = new Client(modelOf(registry({ workloads })), 'frontend-1')
  client.request('type.googleapis.com/other')
  client.request('type.googleapis.com/other')
  expect(client.read()).toMatchObject({ type: 'type.googleapis.com/other', resources: [], removed: [] })
  client.answer('type.googleapis.com/other')
  expect(client.read()).toBeUndefined()
})

test('a pod that is gone, replaced or renamed ends its stream', () => {
  const gone = registry({ workloads: [backend] })
  const replaced = registry({ workloads: [{ ...frontend, podUid: 'another' }] })
  const renamed = registry({ workloads: [{ ...frontend, serviceAccount: 'other' }] })
  const unmeshed = registry({ workloads: [{ ...frontend, meshed: false }] })
  for (const state of [gone, replaced, renamed, unmeshed]) {
    const client = new Client(modelOf(registry({ workloads })), 'frontend-1')
    expect(client.publish(modelOf(state))).toBe(false)
  }
})

test('a large mesh comes in responses below 1 MiB, the own workload at the end of the last', () => {
  const many = Array.from({ length: 9_000 }, (_, i) => pod(`shop/pod-${i}`, `10.77.${i >> 8}.${i & 255}`))
  const model = modelOf(registry({ workloads: many, services: [service('shop/pod', '10.77.200.1')] }))
  const client = new Client(model, 'pod-0').subscribeToAll().settle()
  expect(client.names(address)).toHaveLength(9_001)
  const responses = client.received.filter(({ type }) => type === address)
  expect(responses.length).toBeGreaterThan(1)
  expect(responses.at(-1)?.resources.at(-1)?.name).toBe(uid('shop/pod-0'))
  for (const response of responses.slice(0, -1)) {
    expect(response.resources.map(({ name }) => name)).not.toContain(uid('shop/pod-0'))
  }
  for (const response of responses) expect(encodeResponse(response).length).toBeLessThanOrEqual(1024 * 1024)
})

test('a large mesh that changes meanwhile keeps the own workload back all the same, and then sends it as it is', () => {
  const many = Array.from({ length: 9_000 }, (_, i) => pod(`shop/pod-${i}`, `10.77.${i >> 8}.${i & 255}`))
  const client = new Client(modelOf(registry({ workloads: many })), 'pod-0').subscribeToAll()
  const ofAddresses = () => client.received.filter(({ type }) => type === address)
  while (ofAddresses().length === 0) client.read()
  const [own, ...others] = many
  const changed = [
    { ...own!, labels: { app: 'another' } },
    ...others.map((each) => ({ ...each, ready: false })),
  ]
  const model = modelOf(registry({ workloads: changed }))
  client.publish(model)
  client.settle()
  const responses = ofAddresses()
  const carriers = responses.filter(({ resources }) =>
    resources.some(({ name }) => name === uid('shop/pod-0')),
  )
  expect(carriers).toHaveLength(1)
  expect(carriers[0]?.resources.find(({ name }) => name === uid('shop/pod-0'))).toBe(
    model.types.get(address)!.byName.get(uid('shop/pod-0')),
  )
  // Nobody is first heard of after it.
  const before = responses.slice(0, responses.indexOf(carriers[0]!) + 1)
  expect(new Set(before.flatMap(({ resources }) => resources.map(({ name }) => name))).size).toBe(9_000)
})

describe('the trust bundle', () => {
  const state = registry({ workloads })
  const [before, after] = [modelOf(state), modelOf(state, 'another root')]
  const version = (model: typeof before) => model.types.get(secret)!.byName.get('cluster.local')!.version

  test('is had by who acknowledged its newest version, or came back with it', () => {
    const client = new Client(before, 'backend-1')
    expect(client.delivery.hasNewestTrust).toBe(false)
    client.subscribeToAll().settle()
    expect(client.delivery.hasNewestTrust).toBe(true)
    client.publish(after)
    expect(client.delivery.hasNewestTrust).toBe(false)
    client.settle()
    expect(client.delivery.hasNewestTrust).toBe(true)

    const returning = new Client(after, 'backend-1')
    returning.request(secret, { initialVersions: new Map([['cluster.local', version(before)]]) })
    expect(returning.delivery.hasNewestTrust).toBe(false)
    const upToDate = new Client(after, 'backend-1')
    upToDate.request(secret, { initialVersions: new Map([['cluster.local', version(after)]]) })
    expect(upToDate.delivery.hasNewestTrust).toBe(true)
  })

  test('is not had by who refused it', () => {
    const client = new Client(before, 'backend-1')
    client.request(secret)
    const { nonce } = client.delivery.next()!
    client.request(secret, { answer: { nonce, refusal: 'no PEM' } })
    expect(client.delivery.hasNewestTrust).toBe(false)
  })

  test('is what a client says which roots of it are needed', () => {
    const client = new Client(before, 'backend-1').subscribeToAll().settle()
    expect(client.delivery.roots).toBeUndefined()
    const roots = { certificate: 'a', tunnels: new Set(['a']) }
    client.request(secret, { roots })
    client.request(secret)
    expect(client.delivery.roots).toBe(roots)
  })
})
