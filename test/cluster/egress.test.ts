import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installed } from './harness/installation.ts'
import { besideCluster, Neighbour } from './harness/neighbour.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop
let outside: Neighbour

describe.skipIf(!besideCluster)('row 25: what is outside of the cluster', () => {
  beforeAll(async () => {
    shop = await Shop.open('egress')
    outside = await Neighbour.at('198.51.100.7', 8080)
  })
  afterAll(async () => {
    await installed()
    await outside[Symbol.asyncDispose]()
    await shop[Symbol.asyncDispose]()
  })

  test('row 25: it is reached in plaintext, unless somebody says otherwise', async () => {
    const { client } = shop
    expect(await client.fetch(outside.url)).toMatchObject({ status: 200, body: client.ip })
    expect(await client.connection({ destination: '198.51.100.7:8080' })).toMatchObject({
      security: 'none',
      outcome: 'closed',
    })
  })

  test('row 25: with registry-only it is refused with its reason, and what the mesh knows is not', async () => {
    const { client } = shop
    await installed('--set', 'mesh.egress=registry-only')
    await client.fetchUntil(outside.url, ({ error }) => error === 'ECONNRESET', { timeout: 90_000 })
    expect(await client.connection({ destination: '198.51.100.7:8080', outcome: 'refused' })).toMatchObject({
      reason: 'egress_denied',
    })
    expect((await client.fetch('http://server/')).status).toBe(200)
  })

  test('row 25: allowed again, it is reached again', async () => {
    await installed()
    await shop.client.fetchUntil(outside.url, ({ status }) => status === 200, { timeout: 90_000 })
  })
})
