import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pod, service, template } from './harness/manifests.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open('services')
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('services', () => {
  test('row 6: a headless Service keeps the address that DNS gave, also on a port that it does not declare', async () => {
    const { client, server, namespace } = shop
    await namespace.apply(service('headless', { clusterIP: 'None', selector: { app: 'server' } }))
    const answer = await client.fetchUntil('http://headless:8080/', ({ status }) => status === 200)
    expect(answer.status).toBe(200)
    expect(await client.connection({ destination: `${server.ip}:8080` })).toMatchObject({
      security: 'mutual_tls',
      peer: shop.identity('server'),
    })
  })

  test('row 6: a headless Service leads to pods that are not ready where it publishes them', async () => {
    const { client, namespace } = shop
    const never = { exec: { command: ['false'] }, periodSeconds: 1 }
    await namespace.apply(
      pod('early', { container: { readinessProbe: never } }),
      service('early-peers', {
        clusterIP: 'None',
        publishNotReadyAddresses: true,
        selector: { app: 'early' },
      }),
    )
    const early = await namespace.running('early')
    await client.fetchUntil('http://early-peers:8080/', ({ status }) => status === 200)
    expect(await client.connection({ destination: `${early.ip}:8080` })).toMatchObject({
      security: 'mutual_tls',
    })
  })

  test('row 7: a pod of a StatefulSet is reached by its own name, as its own service account', async () => {
    const { client, namespace } = shop
    const { metadata, spec } = template('store', { serviceAccount: 'server' })
    await namespace.apply(service('store', { clusterIP: 'None' }), {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata,
      spec: {
        serviceName: 'store',
        replicas: 2,
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: { app: 'store' } },
        template: { metadata, spec },
      },
    })
    await namespace.kubectl(['rollout', 'status', 'statefulset/store', '--timeout=60s'])
    const second = await namespace.find('store-1')
    await client.fetchUntil('http://store-1.store:8080/', ({ status }) => status === 200)
    expect(await client.connection({ destination: `${second.ip}:8080` })).toMatchObject({
      security: 'mutual_tls',
      peer: shop.identity('server'),
    })
  })

  test('row 8: a NodePort leads into a permissive pod as plaintext', async () => {
    const { outsider, server, namespace } = shop
    await namespace.apply(service('public', { type: 'NodePort', selector: { app: 'server' } }))
    const found = await namespace.read<{ spec: { ports: { nodePort: number }[] } }>('service', 'public')
    const node = (await namespace.read<{ status: { hostIP: string } }>('pod', 'server')).status.hostIP
    await outsider.fetchUntil(
      `http://${node}:${found.spec.ports[0]!.nodePort}/`,
      ({ status }) => status === 200,
    )
    expect(await server.connection({ direction: 'inbound', security: 'none' })).toMatchObject({
      outcome: 'closed',
    })
  })

  test('row 9: the address of a load balancer leads to its Service, by mutual TLS', async () => {
    const { client, server, namespace } = shop
    await namespace.apply(service('balanced', { type: 'LoadBalancer', selector: { app: 'server' } }))
    const status = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.80' }] } } }
    await namespace.kubectl([
      'patch',
      'service/balanced',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify(status),
    ])
    await client.fetchUntil('http://192.0.2.80/', ({ status }) => status === 200)
    expect(await client.connection({ destination: '192.0.2.80:80', security: 'mutual_tls' })).toMatchObject({
      endpoint: `${server.ip}:8080`,
    })
  })

  test('row 9: spec.externalIPs leads nowhere unless the mesh honours it', async () => {
    const { client, namespace } = shop
    await namespace.apply(service('captor', { externalIPs: ['192.0.2.99'], selector: { app: 'server' } }))
    await client.fetch('http://server/')
    await client.fetch('http://192.0.2.99/')
    const record = await client.connection({ destination: '192.0.2.99:80' })
    expect(record).toMatchObject({ security: 'none' })
    expect(record.endpoint ?? '').not.toBe(`${shop.server.ip}:8080`)
  })

  test('row 10: an ExternalName that names a Service of the mesh leads to it by mutual TLS', async () => {
    const { client, server, namespace } = shop
    const spec = { type: 'ExternalName', externalName: `server.${namespace.name}.svc.cluster.local` }
    await namespace.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'alias' }, spec })
    const before = (await client.connections()).length
    await client.fetchUntil('http://alias/', ({ status }) => status === 200)
    const later = (await client.connections()).slice(before)
    expect(later.at(-1)).toMatchObject({ endpoint: `${server.ip}:8080`, security: 'mutual_tls' })
  })

  test('row 11: a Service without selector keeps the endpoints that somebody wrote', async () => {
    const { client, server, outsider, namespace } = shop
    await namespace.apply(...byHand('by-hand-meshed', server.ip), ...byHand('by-hand-outside', outsider.ip))
    await client.fetchUntil('http://by-hand-meshed/', ({ status }) => status === 200)
    expect(await client.connection({ endpoint: `${server.ip}:8080`, security: 'mutual_tls' })).toBeDefined()
    await client.fetchUntil('http://by-hand-outside/', ({ status }) => status === 200)
    expect(await client.connection({ endpoint: `${outsider.ip}:8080`, security: 'none' })).toBeDefined()
  })

  test('row 12: ports go by name, also where UDP has the same number', async () => {
    const { client, namespace } = shop
    const ports = [
      { name: 'web', containerPort: 8080 },
      { name: 'web-udp', containerPort: 8080, protocol: 'UDP' },
    ]
    await namespace.pod(pod('named', { container: { ports } }))
    await namespace.apply(
      service('named', {
        ports: [
          { name: 'udp', port: 81, protocol: 'UDP', targetPort: 'web-udp' },
          { name: 'tcp', port: 81, protocol: 'TCP', targetPort: 'web' },
          { name: 'other', port: 82, protocol: 'TCP', targetPort: 'web' },
        ],
      }),
    )
    for (const port of [81, 82]) {
      await client.fetchUntil(`http://named:${port}/`, ({ status }) => status === 200)
    }
  })

  test('row 13: sessionAffinity ClientIP keeps a client with its endpoint', async () => {
    const { client, namespace } = shop
    await namespace.apply(service('sticky', { sessionAffinity: 'ClientIP', selector: { role: 'sticky' } }))
    await Promise.all(
      ['sticky-1', 'sticky-2', 'sticky-3'].map((name) =>
        namespace.pod(pod(name, { labels: { role: 'sticky' } })),
      ),
    )
    await client.fetchUntil('http://sticky/', ({ status }) => status === 200)
    const before = (await client.connections()).length
    for (let n = 0; n < 8; n += 1) await client.fetch('http://sticky/')
    const endpoints = (await client.connections()).slice(before).map(({ endpoint }) => endpoint)
    expect(new Set(endpoints).size).toBe(1)
  })
})

/** A Service and its EndpointSlice, as somebody writes them who has no selector. */
function byHand(name: string, address: string): object[] {
  return [
    service(name, { selector: null }),
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
  ]
}
