import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { peerAuthentication, pod, service } from './harness/manifests.ts'
import { podsHaveIpv6 } from './harness/nodes.ts'
import type { Pod } from './harness/pod.ts'
import { Shop } from './harness/shop.ts'

describe.skipIf(!(await podsHaveIpv6()))('IPv6 and dual-stack', () => {
  let shop: Shop
  let server: Pod

  beforeAll(async () => {
    shop = await Shop.open('dual-stack')
    const run = ['http-server.ts', '--host', '::']
    server = await shop.namespace.pod(pod('both', { run, serviceAccount: 'server' }))
  })
  afterAll(() => shop[Symbol.asyncDispose]())

  test('row 28: a pod has an address of either family, and is reached at both by mutual TLS', async () => {
    const { client } = shop
    for (const host of [server.ip, `[${server.ipv6}]`]) {
      expect((await client.fetch(`http://${host}:8080/`)).status).toBe(200)
      expect(await client.connection({ destination: `${host}:8080` })).toMatchObject({
        security: 'mutual_tls',
        peer: shop.identity('server'),
      })
    }
    expect(await server.connection({ direction: 'inbound', source: client.ipv6! })).toMatchObject({
      security: 'mutual_tls',
    })
  })

  test('row 28: a Service of both families is reached at either address, and by its name', async () => {
    const { client, namespace } = shop
    const ipFamilyPolicy = 'RequireDualStack'
    await namespace.apply(service('both', { ipFamilyPolicy, ipFamilies: ['IPv4', 'IPv6'] }))
    const [ipv4, ipv6] = await namespace.addressesOf('both')
    for (const url of [`http://${ipv4}/`, `http://[${ipv6}]/`, 'http://both/']) {
      await client.fetchUntil(url, ({ status }) => status === 200)
    }
    expect(await client.connection({ destination: `[${ipv6}]:80` })).toMatchObject({ security: 'mutual_tls' })
  })

  test('row 28: a Service of IPv6 alone is reached by its name', async () => {
    const { client, namespace } = shop
    await namespace.apply(service('six', { ipFamilies: ['IPv6'], selector: { app: 'both' } }))
    const [ipv6] = await namespace.addressesOf('six')
    expect(ipv6).toContain(':')
    await client.fetchUntil('http://six/', ({ status }) => status === 200)
    expect(await client.connection({ destination: `[${ipv6}]:80` })).toMatchObject({
      endpoint: `[${server.ipv6}]:8080`,
      security: 'mutual_tls',
      peer: shop.identity('server'),
    })
  })

  test('row 28: strict refuses plaintext over IPv6 as well', async () => {
    const { client, outsider, namespace } = shop
    const url = `http://[${server.ipv6}]:8080/`
    expect((await outsider.fetch(url)).status).toBe(200)
    await namespace.apply(peerAuthentication('default', { mode: 'Strict' }))
    await outsider.fetchUntil(url, ({ error }) => error === 'ECONNRESET')
    expect((await client.fetch(url)).status).toBe(200)
  })

  test('row 28: a pod that is probed over IPv6 under strict is ready', async () => {
    const readinessProbe = { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 }
    const run = ['http-server.ts', '--host', '::']
    const probed = await shop.namespace.pod(pod('probed', { run, container: { readinessProbe } }))
    expect((await shop.client.fetch(`http://[${probed.ipv6}]:8080/`)).status).toBe(200)
  })
})
