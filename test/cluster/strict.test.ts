import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { peerAuthentication, pod, service } from './harness/manifests.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open('strict')
  await shop.namespace.apply(peerAuthentication('default', { mode: 'Strict' }))
  await shop.outsider.fetchUntil(`http://${shop.server.ip}:8080/`, ({ error }) => error !== undefined)
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('strict', () => {
  test('rows 8 and 17: plaintext is reset, counted, and told with its reason', async () => {
    const { server, outsider } = shop
    const labels = { direction: 'inbound', reason: 'plaintext_denied' }
    const before = (await server.metric('weft_connections_refused_total', labels)) ?? 0
    expect((await outsider.fetch(`http://${server.ip}:8080/`)).error).toBe('ECONNRESET')
    expect(await server.metric('weft_connections_refused_total', labels)).toBe(before + 1)
    expect(await server.connection({ direction: 'inbound', reason: 'plaintext_denied' })).toMatchObject({
      outcome: 'refused',
      source: expect.stringContaining(outsider.ip),
    })
  })

  test('row 8: a NodePort into a strict pod is reset', async () => {
    const { outsider, namespace } = shop
    await namespace.apply(service('public', { type: 'NodePort', selector: { app: 'server' } }))
    const found = await namespace.read<{ spec: { ports: { nodePort: number }[] } }>('service', 'public')
    const node = (await namespace.read<{ status: { hostIP: string } }>('pod', 'server')).status.hostIP
    const url = `http://${node}:${found.spec.ports[0]!.nodePort}/`
    await outsider.fetchUntil(url, ({ error }) => error === 'ECONNRESET')
  })

  test('row 8: one port of a strict pod can be left open for outsiders', async () => {
    const { outsider, client, namespace } = shop
    const open = await namespace.pod(pod('ingress'))
    await namespace.apply(
      peerAuthentication('ingress', {
        mode: 'Strict',
        selector: { matchLabels: { app: 'ingress' } },
        ports: { 8080: 'Permissive' },
      }),
    )
    await outsider.fetchUntil(`http://${open.ip}:8080/`, ({ status }) => status === 200)
    expect((await client.fetch(`http://${open.ip}:8080/`)).status).toBe(200)
  })

  test('row 17: members are served all the while', async () => {
    expect((await shop.client.fetch('http://server/')).status).toBe(200)
  })

  test('row 18: exec, logs and port-forward are not the mesh’s business', async () => {
    const { server, namespace } = shop
    expect(await server.exec('node', '--print', '6 * 7')).toBe('42\n')
    expect(await namespace.kubectl(['logs', 'server', '-c', 'app'])).toContain('listening')
    expect((await server.forwarded(8080, (url) => fetch(url))).status).toBe(200)
  })
})
