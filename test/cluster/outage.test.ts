import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../harness/until.ts'
import { ready } from './harness/installation.ts'
import { kubectl } from './harness/kubectl.ts'
import { pod } from './harness/manifests.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open('outage')
})
afterEach(async () => {
  await scale('weft-control-plane', 1)
  await scale('weft-injector', 1)
  await ready('weft-control-plane')
  await ready('weft-injector')
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('outages', () => {
  test('row 45: without a control plane every known destination is served, and one never heard of is refused', async () => {
    const { client, server, outside } = shop
    await using held = client.start('load.ts', `http://${server.ip}:8080/`, '12')
    await scale('weft-control-plane', 0)
    await gone('weft-control-plane')
    const stranger = await outside.pod(pod('stranger'))
    expect((await client.fetch('http://server/')).status).toBe(200)
    expect((await client.fetch(`http://${stranger.ip}:8080/`)).error).toBe('ECONNRESET')
    expect(await client.connection({ destination: `${stranger.ip}:8080` })).toMatchObject({
      outcome: 'refused',
      reason: 'unknown_in_mesh',
    })
    expect(await held.result()).toMatchObject({ failures: [] })
  })

  test('row 45: back again, it knows what came meanwhile', async () => {
    const { client, outside } = shop
    const stranger = await outside.find('stranger')
    // A dial that was led to a pod that was going is left after 5 s, and the next one waits at most as long.
    await client.fetchUntil(`http://${stranger.ip}:8080/`, ({ status }) => status === 200, {
      timeout: 30_000,
    })
  })

  test('a restart of the control plane fails no request and drops no endpoint', async () => {
    const { client } = shop
    await using load = client.start('load.ts', 'http://server/', '15')
    await kubectl(['rollout', 'restart', 'deployment/weft-control-plane'], { namespace: 'weft-system' })
    await ready('weft-control-plane')
    const { good, failures } = await load.result<{ good: number; failures: string[] }>()
    expect(failures).toEqual([])
    expect(good).toBeGreaterThan(50)
  })

  test('row 46: without the webhook no pod starts unmeshed, and other namespaces go on', async () => {
    const { namespace, outside } = shop
    await scale('weft-injector', 0)
    await gone('weft-injector')
    await expect(namespace.apply(pod('unlucky'))).rejects.toThrow(/inject\.weft\.dev/)
    await outside.pod(pod('unaffected'))
  })
})

async function scale(deployment: string, replicas: number): Promise<void> {
  await kubectl(['scale', `deployment/${deployment}`, `--replicas=${replicas}`], { namespace: 'weft-system' })
}

async function gone(component: string): Promise<void> {
  const namespace = 'weft-system'
  await until(
    `the end of ${component}`,
    async () => !(await kubectl(['get', 'pods', '-o', 'name'], { namespace })).includes(component),
    { timeout: 60_000, interval: 500 },
  )
}
