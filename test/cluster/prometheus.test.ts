import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../harness/until.ts'
import { configured } from './harness/configured.ts'
import { peerAuthentication, serviceAccount } from './harness/manifests.ts'
import type { Pod } from './harness/pod.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop
let prometheus: Pod

// Prometheus as Debian has it, which was built without discovery by the API server: it is told which pods there are.
beforeAll(async () => {
  shop = await Shop.open('prometheus')
  const { namespace, client, server } = shop
  const targets = [client, server].map(({ name, ip }) => ({
    targets: [`${ip}:15020`],
    labels: { pod: name },
  }))
  const job = { job_name: 'weft', scrape_interval: '2s', static_configs: targets }
  const { config, pod } = configured('prometheus', {
    command: [
      '/usr/bin/prometheus',
      '--config.file=/config/prometheus.yml',
      '--storage.tsdb.path=/tmp/data',
      '--web.listen-address=:9090',
    ],
    file: 'prometheus.yml',
    text: JSON.stringify({ scrape_configs: [job] }),
    port: 9090,
    serviceAccount: 'prometheus',
  })
  await namespace.apply(
    serviceAccount('prometheus'),
    peerAuthentication('default', { mode: 'Strict' }),
    config,
  )
  prometheus = await namespace.pod(pod)
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('a meshed Prometheus under strict', () => {
  test('scrapes the sidecars of meshed pods', async () => {
    await until('two pods that are up', async () => (await query('up == 1')).length === 2, patience)
    // Its connections stay open, and so have no line in the log yet.
    const opened = await prometheus.metric('istio_tcp_connections_opened_total', {
      source_principal: shop.identity('prometheus'),
      destination_principal: shop.identity('server'),
      connection_security_policy: 'mutual_tls',
    })
    expect(opened).toBeGreaterThan(0)
  })

  test('has the connections between them, with both identities, as either end tells them', async () => {
    const { client, server } = shop
    expect((await client.fetch(`http://${server.ip}:8080/`)).status).toBe(200)
    const labels = [
      'connection_security_policy="mutual_tls"',
      `source_principal="${shop.identity('client')}"`,
      `destination_principal="${shop.identity('server')}"`,
    ]
    const series = `istio_tcp_connections_opened_total{${labels.join()}}`
    const pods = await until(
      'the series of both ends',
      async () => {
        const found = await query(series)
        return found.length >= 2 && found.map(({ metric }) => metric['pod'])
      },
      patience,
    )
    expect(new Set(pods)).toEqual(new Set(['client', 'server']))
  })
})

const patience = { timeout: 30_000, interval: 500 }

interface Sample {
  readonly metric: Readonly<Record<string, string>>
}

async function query(expression: string): Promise<readonly Sample[]> {
  return await prometheus.forwarded(9090, async (url) => {
    const answer = await fetch(`${url}api/v1/query?query=${encodeURIComponent(expression)}`)
    const { data } = (await answer.json()) as { data: { result: Sample[] } }
    return data.result
  })
}
