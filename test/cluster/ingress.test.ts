import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { configured } from './harness/configured.ts'
import { peerAuthentication, service, serviceAccount } from './harness/manifests.ts'
import type { Pod } from './harness/pod.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop
let ingress: Pod
let entrance: string

// nginx of Debian as an ingress controller does it: it has read which pods there are, and dials them by their addresses.
beforeAll(async () => {
  shop = await Shop.open('ingress')
  const { namespace, server, outsider } = shop
  const [address] = await namespace.addressesOf('server')
  const { config, pod } = configured('ingress', {
    command: ['/usr/sbin/nginx', '-e', '/dev/stderr', '-c', '/config/nginx.conf'],
    file: 'nginx.conf',
    text: nginx({ pod: `${server.ip}:8080`, service: `${address}:80` }),
    port: 8000,
    serviceAccount: 'ingress',
  })
  await namespace.apply(
    serviceAccount('ingress'),
    peerAuthentication('default', { mode: 'Strict' }),
    // What comes from outside of the mesh comes in plaintext, to this port alone.
    peerAuthentication('ingress', {
      mode: 'Strict',
      selector: { matchLabels: { app: 'ingress' } },
      ports: { 8000: 'Permissive' },
    }),
    service('ingress', { type: 'NodePort', ports: [{ port: 80, targetPort: 8000 }] }),
    config,
  )
  ingress = await namespace.pod(pod)
  const found = await namespace.read<{ spec: { ports: { nodePort: number }[] } }>('service', 'ingress')
  const { status } = await namespace.read<{ status: { hostIP: string } }>('pod', 'ingress')
  entrance = `http://${status.hostIP}:${found.spec.ports[0]!.nodePort}`
  await outsider.fetchUntil(`http://${server.ip}:8080/`, ({ error }) => error !== undefined)
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('row 16: an ingress controller in a strict mesh', () => {
  test('row 16: what comes from outside is led to a pod’s address by mutual TLS', async () => {
    const { server, outsider } = shop
    const { body } = await outsider.fetchUntil(`${entrance}/pod/cart`, ({ status }) => status === 200)
    expect(JSON.parse(body!)).toMatchObject({ url: '/cart', headers: { 'x-ingress': 'nginx' } })
    expect(await ingress.connection({ direction: 'inbound', security: 'none' })).toMatchObject({
      outcome: 'closed',
    })
    expect(
      await ingress.connection({ direction: 'outbound', destination: `${server.ip}:8080` }),
    ).toMatchObject({ security: 'mutual_tls', peer: shop.identity('server') })
    expect(await server.connection({ direction: 'inbound', peer: shop.identity('ingress') })).toMatchObject({
      security: 'mutual_tls',
    })
  })

  test('row 16: or to a Service, where the controller is told to leave the choice to the cluster', async () => {
    const { server, namespace, outsider } = shop
    await outsider.fetchUntil(`${entrance}/service/cart`, ({ status }) => status === 200)
    const [address] = await namespace.addressesOf('server')
    expect(await ingress.connection({ destination: `${address}:80` })).toMatchObject({
      endpoint: `${server.ip}:8080`,
      security: 'mutual_tls',
    })
  })

  test('row 16: the pod behind it stays closed to whoever is outside', async () => {
    const { server, outsider } = shop
    expect((await outsider.fetch(`http://${server.ip}:8080/`)).error).toBe('ECONNRESET')
  })
})

function nginx(upstreams: { readonly pod: string; readonly service: string }): string {
  const locations = Object.entries(upstreams).map(
    ([name, address]) => `location /${name}/ { proxy_pass http://${address}/; }`,
  )
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path /tmp/${kind};`,
  )
  return `daemon off;
pid /tmp/nginx.pid;
worker_processes 1;
events {}
http {
  access_log off;
  ${folders.join('\n  ')}
  proxy_http_version 1.1;
  proxy_set_header X-Ingress nginx;
  server {
    listen 8000;
    ${locations.join('\n    ')}
  }
}
`
}
