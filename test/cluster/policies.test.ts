import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../harness/until.ts'
import { authorizationPolicy, peerAuthentication, pod, serviceAccount } from './harness/manifests.ts'
import type { Pod } from './harness/pod.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop
let guest: Pod

beforeAll(async () => {
  shop = await Shop.open('policies')
  await shop.namespace.apply(serviceAccount('guest'))
  guest = await shop.namespace.pod(pod('guest', { serviceAccount: 'guest' }))
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('policies', () => {
  test('an AuthorizationPolicy admits whom it names, and nobody else', async () => {
    const { namespace, client, server, outsider } = shop
    const from = [{ serviceAccounts: ['client'] }]
    const spec = { selector: { matchLabels: { app: 'server' } }, rules: [{ from, to: [{ ports: [8080] }] }] }
    await namespace.apply(authorizationPolicy('server', spec))
    const url = `http://${server.ip}:8080/`
    await guest.fetchUntil(url, ({ error }) => error !== undefined)
    await outsider.fetchUntil(url, ({ error }) => error !== undefined)
    expect((await client.fetch(url)).status).toBe(200)
    expect(
      await server.connection({ direction: 'inbound', outcome: 'refused', peer: shop.identity('guest') }),
    ).toMatchObject({
      reason: 'no_allow_matched',
    })
  })

  test('its status says on how many workloads it holds', async () => {
    type Status = { status?: { workloads: number; conditions: { type: string; status: string }[] } }
    const status = await until('a status', async () => {
      const found = await shop.namespace.read<Status>('authorizationpolicy', 'server')
      return found.status
    })
    expect(status.workloads).toBe(1)
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Accepted', status: 'True' }))
  })

  test('what it no longer admits is cut while it lives, and taking it away opens it again', async () => {
    const { namespace, client, server } = shop
    const ticker = await namespace.pod(pod('ticker', { run: ['ticker.ts', '--port', '8080'] }))
    await using held = client.start('listen.ts', ticker.ip, '8080')
    await held.printed('open')
    const spec = { selector: { matchLabels: { app: 'ticker' } }, action: 'Deny', rules: [{}] }
    await namespace.apply(authorizationPolicy('ticker', spec))
    expect((await held.result<{ end: string }>()).end).toBe('ECONNRESET')
    await namespace.kubectl(['delete', 'authorizationpolicy/ticker', 'authorizationpolicy/server'])
    await guest.fetchUntil(`http://${server.ip}:8080/`, ({ status }) => status === 200)
  })

  test('a dry run denies nothing and counts what it would', async () => {
    const { namespace, client, server } = shop
    const spec = { dryRun: true, action: 'Deny', rules: [{}] }
    await namespace.apply(authorizationPolicy('try', spec))
    await until('a connection that a dry run would deny', async () => {
      expect((await client.fetch(`http://${server.ip}:8080/`)).status).toBe(200)
      return ((await server.metric('weft_dry_run_denials_total')) ?? 0) > 0
    })
  })

  const invalid: readonly (readonly [field: string, document: object, message: RegExp])[] = [
    ['mode', peerAuthentication('bad', { mode: 'STRICT' }), /Strict/],
    ['mode, left out', peerAuthentication('bad', {}), /mode/],
    ['a port', peerAuthentication('bad', { mode: 'Strict', ports: { http: 'Permissive' } }), /port/],
    ['a port’s mode', peerAuthentication('bad', { mode: 'Strict', ports: { 8080: 'off' } }), /Permissive/],
    [
      'an empty selector',
      peerAuthentication('bad', { mode: 'Strict', selector: { matchLabels: {} } }),
      /matchLabels/,
    ],
    ['action', authorizationPolicy('bad', { action: 'Audit' }), /Allow/],
    [
      'a principal',
      authorizationPolicy('bad', { rules: [{ from: [{ principals: ['shop/frontend'] }] }] }),
      /service account/,
    ],
    [
      'a range',
      authorizationPolicy('bad', { rules: [{ from: [{ ipBlocks: ['10.0.0.0/33'] }] }] }),
      /ipBlocks/,
    ],
    [
      'a port that is too large',
      authorizationPolicy('bad', { rules: [{ to: [{ ports: [65_536] }] }] }),
      /65535/,
    ],
    ['an empty list of sources', authorizationPolicy('bad', { rules: [{ from: [] }] }), /from/],
    ['a field that nobody knows', authorizationPolicy('bad', { rulez: [] }), /rulez/],
  ]

  test.each(invalid)('the API server refuses %s', async (_, document, message) => {
    await expect(
      shop.namespace.kubectl(['create', '--validate=strict', '-f', '-'], JSON.stringify(document)),
    ).rejects.toThrow(message)
  })
})
