import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ready, weft } from './harness/installation.ts'
import { kubectl } from './harness/kubectl.ts'
import { pod } from './harness/manifests.ts'
import type { Pod } from './harness/pod.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop
/** Of the same service account as the client. */
let sibling: Pod

beforeAll(async () => {
  shop = await Shop.open('revoked')
  sibling = await shop.namespace.pod(pod('sibling', { serviceAccount: 'client' }))
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('weft identity revoke', () => {
  test('cuts one pod off, and its sibling of the same service account fails no request', async () => {
    const { client, server } = shop
    expect((await client.fetch('http://server/')).status).toBe(200)
    await using load = sibling.start('load.ts', 'http://server/', '10')
    const told = await revoke('--reason', 'a test')
    expect(told).toMatchObject({ pod: 'client', inForce: true, certificates: 1 })
    await client.fetchUntil('http://server/', ({ error }) => error === 'ECONNRESET')
    expect(await server.metric('weft_inbound_refused_total', { reason: 'peer_revoked' })).toBeGreaterThan(0)
    expect((await server.fetch(`http://${client.ip}:8080/`)).error).toBe('ECONNRESET')
    await server.connection({ direction: 'outbound', reason: 'peer_revoked' })
    const { good, failures } = await load.result<{ good: number; failures: string[] }>()
    expect(failures).toEqual([])
    expect(good).toBeGreaterThan(20)
  })

  test('is kept from the pod also by the next control plane', async () => {
    const { client } = shop
    const namespace = 'weft-system'
    await kubectl(['rollout', 'restart', 'deployment/weft-control-plane'], { namespace })
    await ready('weft-control-plane')
    expect((await client.fetch('http://server/')).error).toBe('ECONNRESET')
    expect((await sibling.fetch('http://server/')).status).toBe(200)
    const log = await kubectl(['logs', 'deployment/weft-control-plane'], { namespace })
    expect(log).not.toContain('forbidden')
  })

  test('is lifted by --undo', async () => {
    await revoke('--undo')
    await shop.client.fetchUntil('http://server/', ({ status }) => status === 200, { timeout: 60_000 })
  })
})

async function revoke(...args: readonly string[]): Promise<unknown> {
  const context = process.env['WEFT_CLUSTER_CONTEXT']
  const flags = [
    '-n',
    shop.namespace.name,
    '-o',
    'json',
    ...(context === undefined ? [] : ['--context', context]),
  ]
  return JSON.parse(await weft(['identity', 'revoke', 'client', ...flags, ...args])) as unknown
}
