import { expect, test } from 'vitest'
import { pod } from '../../../model/testing/registries.ts'
import type { ApiClient, ApiRequest } from '../api/client.ts'
import { authorizationPolicies, type PolicyObject } from '../objects/policy.ts'
import { PolicyKeeper } from '../state/policies.ts'
import { raw } from '../testing/raw.ts'
import { policyStatusCorrections } from './policy-status.ts'

const workloads = [
  pod('shop/cart-1', '10.77.0.1', { labels: { app: 'cart' } }),
  pod('shop/cart-2', '10.77.0.2', { labels: { app: 'cart' } }),
  pod('shop/web-1', '10.77.0.3', { labels: { app: 'web' } }),
  pod('shop/plain-1', '10.77.0.4', { labels: { app: 'cart' }, meshed: false }),
  pod('other/cart-1', '10.77.0.5', { labels: { app: 'cart' } }),
]

function policy(key: string, spec: unknown, generation = 1, status?: unknown): PolicyObject {
  return authorizationPolicies.trim(raw(key, { spec, status }, { generation }))!
}

/** The status that is written, if any, of each policy. */
async function statuses(keeper: PolicyKeeper, objects: PolicyObject[], now = Date.UTC(2026, 0, 1)) {
  const written: Record<string, unknown> = {}
  const request = ({ path, body }: ApiRequest) => {
    written[path.split('/').slice(-4, -1).join('/')] = (body as { status: unknown }).status
    return Promise.resolve({})
  }
  const client = { request } as ApiClient
  const judgements = keeper.take(objects)
  const options = { client, judgements, workloads, rootNamespace: 'weft-system', now: () => now }
  for (const { make } of policyStatusCorrections(options)) await make()
  return written
}

test('says on how many meshed workloads a policy holds', async () => {
  const selector = { matchLabels: { app: 'cart' } }
  const written = await statuses(new PolicyKeeper(), [
    policy('shop/all', {}),
    policy('shop/cart', { selector }),
    policy('shop/nobody', { selector: { matchLabels: { app: 'nobody' } } }),
    policy('weft-system/mesh', {}),
    policy('weft-system/carts', { selector }),
  ])
  const counts = Object.entries(written).map(([key, status]) => [
    key,
    (status as { workloads: number }).workloads,
  ])
  expect(Object.fromEntries(counts)).toEqual({
    'shop/authorizationpolicies/all': 3,
    'shop/authorizationpolicies/cart': 2,
    'shop/authorizationpolicies/nobody': 0,
    'weft-system/authorizationpolicies/mesh': 4,
    'weft-system/authorizationpolicies/carts': 3,
  })
})

test('says what is wrong with a refused one, and that the version before stays', async () => {
  const keeper = new PolicyKeeper()
  await statuses(keeper, [policy('shop/cart', { selector: { matchLabels: { app: 'cart' } } })])
  const written = await statuses(keeper, [policy('shop/cart', { action: 'Audit' }, 2)])
  expect(written['shop/authorizationpolicies/cart']).toEqual({
    workloads: 2,
    conditions: [
      {
        type: 'Accepted',
        status: 'False',
        reason: 'Invalid',
        message: expect.stringMatching(/^spec\.action cannot be Audit.*; the version before stays in force$/),
        observedGeneration: 2,
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ],
  })
  const never = await statuses(new PolicyKeeper(), [policy('shop/bad', { action: 'Audit' })])
  expect(never['shop/authorizationpolicies/bad']).toMatchObject({
    workloads: 3,
    conditions: [{ message: expect.stringContaining('what it selects is closed until it is mended') }],
  })
})

test('writes nothing that is written already, and keeps the time while the verdict stays', async () => {
  const keeper = new PolicyKeeper()
  const first = await statuses(keeper, [policy('shop/all', {})])
  const status = first['shop/authorizationpolicies/all']
  expect(await statuses(keeper, [policy('shop/all', {}, 1, status)])).toEqual({})
  const later = await statuses(
    keeper,
    [policy('shop/all', { dryRun: true }, 2, status)],
    Date.UTC(2026, 5, 1),
  )
  expect(later['shop/authorizationpolicies/all']).toMatchObject({
    conditions: [{ observedGeneration: 2, lastTransitionTime: '2026-01-01T00:00:00Z' }],
  })
})
