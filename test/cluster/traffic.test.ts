import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../harness/until.ts'
import { secretOf, selfSigned } from './harness/certificate.ts'
import { pod, service } from './harness/manifests.ts'
import { besideCluster, Neighbour } from './harness/neighbour.ts'
import { securePod } from './harness/secure-pod.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open()
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('traffic', () => {
  test('row 1: a pod reaches its own loopback without the mesh', async () => {
    const { client, server } = shop
    expect((await client.fetch('http://127.0.0.1:8080/')).status).toBe(200)
    await client.fetch(`http://${server.ip}:8080/`)
    await client.connection({ destination: `${server.ip}:8080` })
    expect((await client.connections()).filter(({ destination }) => destination.startsWith('127.'))).toEqual(
      [],
    )
  })

  test('row 2: a pod reaches its own address without the mesh', async () => {
    const { client, server } = shop
    expect((await client.fetch(`http://${client.ip}:8080/`)).status).toBe(200)
    await client.fetch(`http://${server.ip}:8080/`)
    await client.connection({ destination: `${server.ip}:8080` })
    const own = (await client.connections()).filter(({ destination }) => destination === `${client.ip}:8080`)
    expect(own).toEqual([])
  })

  test('row 3: an application that listens on its pod’s address only is reached', async () => {
    const { client, namespace } = shop
    const command = ['sh', '-c', 'exec node /apps/http-server.ts --host $IP']
    const env = [{ name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }]
    const bound = await namespace.pod(pod('bound', { container: { command, env } }))
    expect((await client.fetch(`http://${bound.ip}:8080/`)).status).toBe(200)
  })

  test('row 4: a pod’s address is reached by mutual TLS, with the identities of both service accounts', async () => {
    const { client, server } = shop
    expect((await client.fetch(`http://${server.ip}:8080/`)).status).toBe(200)
    expect(
      await client.connection({ direction: 'outbound', destination: `${server.ip}:8080` }),
    ).toMatchObject({
      security: 'mutual_tls',
      peer: shop.identity('server'),
    })
    expect(await server.connection({ direction: 'inbound', peer: shop.identity('client') })).toMatchObject({
      security: 'mutual_tls',
    })
  })

  test('row 4: the metrics of both ends count it as mutual TLS', async () => {
    const { client, server } = shop
    const opened = 'istio_tcp_connections_opened_total'
    const labels = { connection_security_policy: 'mutual_tls', source_principal: shop.identity('client') }
    const before = [await client.metric(opened, labels), await server.metric(opened, labels)]
    await client.fetch(`http://${server.ip}:8080/`)
    const after = [await client.metric(opened, labels), await server.metric(opened, labels)]
    expect(after).toEqual(before.map((count) => (count ?? 0) + 1))
  })

  test('row 5: a Service is reached by mutual TLS', async () => {
    const { client, server } = shop
    expect((await client.fetch('http://server/')).status).toBe(200)
    const { spec } = await shop.namespace.read<{ spec: { clusterIP: string } }>('service', 'server')
    expect(await client.connection({ destination: `${spec.clusterIP}:80` })).toMatchObject({
      endpoint: `${server.ip}:8080`,
      security: 'mutual_tls',
      peer: shop.identity('server'),
    })
  })

  test('row 5: a Service without endpoints is reset at once', async () => {
    await shop.namespace.apply(service('nobody'))
    const answer = await shop.client.fetchUntil('http://nobody/', ({ error }) => error === 'ECONNRESET')
    expect(answer.milliseconds).toBeLessThan(1_000)
  })

  test('row 14: a pod that its own Service leads to is dialled inside of the pod', async () => {
    const { server, namespace } = shop
    // Its name alone would be the pod's own in /etc/hosts.
    expect((await server.fetch(`http://server.${namespace.name}.svc/`)).status).toBe(200)
    const { spec } = await namespace.read<{ spec: { clusterIP: string } }>('service', 'server')
    const destination = `${spec.clusterIP}:80`
    expect(await server.connection({ direction: 'outbound', destination })).toMatchObject({
      endpoint: `${server.ip}:8080`,
      security: 'none',
    })
  })

  test('row 15: a pod in the host’s network is a plaintext peer', async () => {
    const { client, server, outside } = shop
    const host = await outside.pod(
      pod('host', { run: ['http-server.ts', '--port', '18080'], spec: { hostNetwork: true } }),
    )
    expect((await host.fetch(`http://${server.ip}:8080/`)).status).toBe(200)
    expect((await client.fetch(`http://${host.ip}:18080/`)).status).toBe(200)
    expect(await client.connection({ destination: `${host.ip}:18080` })).toMatchObject({ security: 'none' })
  })

  test('row 18: exec, logs and port-forward work', async () => {
    const { server, namespace } = shop
    expect(await server.exec('node', '--print', '6 * 7')).toBe('42\n')
    expect(await namespace.kubectl(['logs', 'server', '-c', 'app'])).toContain('listening')
    expect((await server.forwarded(8080, (url) => fetch(url))).status).toBe(200)
  })

  test('row 19: names are looked up over UDP and over TCP', async () => {
    const program = `
      const { Resolver } = require('node:dns').promises
      new Resolver().resolve4('server.${shop.namespace.name}.svc.cluster.local').then((found) => console.log(found.length))`
    expect(await shop.client.exec('node', '--eval', program)).toBe('1\n')
    const server = /nameserver (\S+)/.exec(
      await shop.client.exec('sh', '-c', 'while read l; do echo $l; done </etc/resolv.conf'),
    )
    const name = 'kubernetes.default.svc.cluster.local'
    expect(await shop.client.exec('node', '/apps/dns-over-tcp.ts', server![1]!, name)).toBe('1\n')
  })

  test('row 20: a server that speaks first is heard at once', async () => {
    const mail = await shop.namespace.pod(pod('mail', { run: ['greeter.ts', '--port', '2525'] }))
    const { greeting, milliseconds } = await shop.client.greeting(`${mail.ip}:2525`)
    expect(greeting).toMatch(/^220 /)
    expect(milliseconds).toBeLessThan(1_000)
    expect(await shop.client.connection({ destination: `${mail.ip}:2525` })).toMatchObject({
      security: 'mutual_tls',
    })
  })

  test('row 21: the application’s own TLS goes through whole, inside of the mesh’s', async () => {
    const { client, namespace } = shop
    const own = selfSigned('secure')
    await namespace.apply(secretOf('secure', own))
    const secure = await namespace.pod(securePod('secure', 'secure'))
    const url = `https://${secure.ip}:8443/`
    const answer = await client.exec('node', '/apps/https-request.ts', url, 'secure', own.certificate)
    const { fingerprint256 } = new X509Certificate(own.certificate)
    expect(JSON.parse(answer)).toEqual({ status: 200, protocol: 'TLSv1.3', fingerprint256 })
    expect(await client.connection({ destination: `${secure.ip}:8443` })).toMatchObject({
      security: 'mutual_tls',
      peer: shop.identity('default'),
    })
  })

  test('row 22: whoever has ended its half still hears the answer to its end', async () => {
    const { client, namespace } = shop
    const echo = await namespace.pod(pod('echo', { run: ['echo.ts', '--port', '7000'] }))
    const answer = await client.exec('node', '/apps/half-close.ts', echo.ip, '7000', '300000')
    expect(JSON.parse(answer)).toEqual({ received: 300_000, end: 'FIN' })
    expect(await client.connection({ destination: `${echo.ip}:7000` })).toMatchObject({
      security: 'mutual_tls',
      outcome: 'closed',
    })
  })

  test('row 23: UDP passes as it is, to a pod and to a Service, and the mesh does not hear of it', async () => {
    const { client, namespace } = shop
    const udp = await namespace.pod(pod('udp', { run: ['udp-echo.ts', '9000'] }))
    await namespace.apply(service('udp', { ports: [{ port: 9000, protocol: 'UDP' }] }))
    const { spec } = await namespace.read<{ spec: { clusterIP: string } }>('service', 'udp')
    for (const host of [udp.ip, spec.clusterIP]) {
      await until('a datagram to come back', async () => {
        return (await client.exec('node', '/apps/datagram.ts', host, '9000')) === 'over UDP\n'
      })
    }
    const heard = (await client.connections()).filter(({ destination }) => destination.endsWith(':9000'))
    expect(heard).toEqual([])
  })

  test.skipIf(!besideCluster)(
    'row 24: a cloud’s metadata server is asked past the sidecar, from the pod’s own address',
    async () => {
      const { client, server } = shop
      await using metadata = await Neighbour.at('169.254.169.254', 80)
      expect(await client.fetch(metadata.url)).toMatchObject({ status: 200, body: client.ip })
      await client.fetch(`http://${server.ip}:8080/`)
      await client.connection({ destination: `${server.ip}:8080` })
      const heard = (await client.connections()).filter(({ destination }) =>
        destination.startsWith('169.254.'),
      )
      expect(heard).toEqual([])
    },
  )

  test('row 31: the application sees its own pod as the peer, and the log the real one', async () => {
    const { client, server } = shop
    const { body } = await client.fetch(`http://${server.ip}:8080/`)
    expect(JSON.parse(body!)).toMatchObject({ peer: server.ip })
    expect(await server.connection({ direction: 'inbound', peer: shop.identity('client') })).toMatchObject({
      source: client.ip,
    })
  })

  test('an outsider is let in while the mesh is permissive, and counted as plaintext', async () => {
    const { server, outsider } = shop
    expect((await outsider.fetch(`http://${server.ip}:8080/`)).status).toBe(200)
    expect(await server.connection({ direction: 'inbound', security: 'none' })).toMatchObject({
      outcome: 'closed',
    })
  })

  test('a meshed pod scrapes the metrics of a meshed pod', async () => {
    const { body } = await shop.client.fetch(`http://${shop.server.ip}:15020/metrics`)
    expect(body).toContain('istio_tcp_connections_opened_total')
  })
})
