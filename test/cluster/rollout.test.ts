import { afterAll, beforeAll, expect, test } from 'vitest'
import { service, template } from './harness/manifests.ts'
import { Shop } from './harness/shop.ts'

const replicas = 20
let shop: Shop

beforeAll(async () => {
  shop = await Shop.open('rollout')
})
afterAll(() => shop[Symbol.asyncDispose]())

test('a rollout of 20 replicas under load fails no request', { timeout: 600_000 }, async () => {
  const { namespace, client } = shop
  const container = {
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
    // What any application under a rollout needs, with a mesh or without: time until nobody is sent to it any more.
    lifecycle: { preStop: { sleep: { seconds: 5 } } },
  }
  const { metadata, spec } = template('fleet', { container, spec: { terminationGracePeriodSeconds: 30 } })
  await namespace.apply(service('fleet'), {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 4 } },
      selector: { matchLabels: { app: 'fleet' } },
      template: { metadata, spec },
    },
  })
  await namespace.rolledOut('deployment/fleet', 240)
  await using load = client.start('load.ts', 'http://fleet/', '400')
  await namespace.kubectl(['rollout', 'restart', 'deployment/fleet'])
  await namespace.rolledOut('deployment/fleet', 300)
  load.end()
  const { good, failures } = await load.result<{ good: number; failures: string[] }>()
  const unusual = (await client.connections()).filter(({ outcome }) => outcome !== 'closed')
  expect({ failures, unusual }).toEqual({ failures: [], unusual: [] })
  expect(good).toBeGreaterThan(200)
})
