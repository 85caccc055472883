import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kubectl } from './harness/kubectl.ts'
import { onNode, pod, service, template } from './harness/manifests.ts'
import { workers } from './harness/nodes.ts'
import type { Pod } from './harness/pod.ts'
import { Shop } from './harness/shop.ts'
import { plan } from './node/plan.ts'

const nodes = await workers()

describe.skipIf(nodes.length < 2)('two nodes', () => {
  const [here, there] = nodes as [string, string]
  let shop: Shop
  let near: Pod
  let far: Pod
  let client: Pod

  beforeAll(async () => {
    shop = await Shop.open('nodes')
    const serves = (name: string, node: string) =>
      shop.namespace.pod(
        pod(name, { serviceAccount: 'server', labels: { role: 'spread' }, spec: onNode(node) }),
      )
    const dials = pod('dialler', { serviceAccount: 'client', spec: onNode(here) })
    ;[near, far, client] = await Promise.all([
      serves('near', here),
      serves('far', there),
      shop.namespace.pod(dials),
    ])
  })
  afterAll(() => shop[Symbol.asyncDispose]())

  /** The endpoints that the new connections of one second to a Service went to. */
  async function reached(name: string): Promise<ReadonlySet<string | undefined>> {
    await client.fetchUntil(`http://${name}/`, ({ status }) => status === 200)
    const [address] = await shop.namespace.addressesOf(name)
    const before = (await client.connections()).length
    await using load = client.start('load.ts', `http://${name}/`, '1')
    expect(await load.result()).toMatchObject({ failures: [] })
    const later = (await client.connections()).slice(before)
    const of = later.filter(({ destination }) => destination === `${address}:80`)
    return new Set(of.map(({ endpoint }) => endpoint))
  }

  test('row 4: a pod’s address on the other node is reached by mutual TLS', async () => {
    expect([near.node, far.node, client.node]).toEqual([here, there, here])
    expect(await client.fetch(`http://${far.ip}:8080/`)).toMatchObject({ status: 200 })
    expect(await client.connection({ destination: `${far.ip}:8080` })).toMatchObject({
      security: 'mutual_tls',
      peer: shop.identity('server'),
    })
    expect(await far.connection({ direction: 'inbound', peer: shop.identity('client') })).toMatchObject({
      source: client.ip,
    })
  })

  test('row 27: over an overlay whose packets are smaller, 10 MB each way arrive whole by mutual TLS', async () => {
    if (process.env['WEFT_CLUSTER'] !== 'context') {
      const script = `fs.readFileSync('/sys/class/net/eth0/mtu', 'utf8')`
      expect(Number(await far.exec('node', '--print', script))).toBe(plan.overlay.mtu)
    }
    const echo = await shop.namespace.pod(
      pod('echo', { serviceAccount: 'server', run: ['echo.ts', '--port', '7000'], spec: onNode(there) }),
    )
    const heard = await client.exec('node', '/apps/ten-megabytes.ts', echo.ip, '7000')
    expect(JSON.parse(heard)).toEqual({ bytes: 10_000_000, same: true, end: 'FIN' })
    expect(await client.connection({ destination: `${echo.ip}:7000` })).toMatchObject({
      security: 'mutual_tls',
      outcome: 'closed',
    })
  })

  test('row 5: a Service leads to its endpoints on both nodes', async () => {
    await shop.namespace.apply(service('spread', { selector: { role: 'spread' } }))
    expect(await reached('spread')).toEqual(new Set([`${near.ip}:8080`, `${far.ip}:8080`]))
  })

  test('row 13: internalTrafficPolicy Local leads to the agent of the client’s own node', async () => {
    const { metadata, spec } = template('agent')
    const agents = { selector: { matchLabels: { app: 'agent' } }, template: { metadata, spec } }
    await shop.namespace.apply(
      { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'agent' }, spec: agents },
      service('agent', { internalTrafficPolicy: 'Local' }),
    )
    await shop.namespace.rolledOut('daemonset/agent', 60)
    type Pods = { items: { spec: { nodeName: string }; status: { podIP: string } }[] }
    const { items } = await shop.namespace.read<Pods>('pods', '-l', 'app=agent')
    const own = items.find((agent) => agent.spec.nodeName === client.node)!
    expect(await reached('agent')).toEqual(new Set([`${own.status.podIP}:8080`]))
  })

  test('row 13: internalTrafficPolicy Local is reset at once where the node has no endpoint', async () => {
    await shop.namespace.apply(
      service('elsewhere', { internalTrafficPolicy: 'Local', selector: { app: 'far' } }),
    )
    const answer = await client.fetchUntil('http://elsewhere/', ({ error }) => error === 'ECONNRESET')
    expect(answer.milliseconds).toBeLessThan(1_000)
  })

  test('row 13: trafficDistribution keeps a connection in its zone while the zone has endpoints', async () => {
    await shop.namespace.apply(
      service('close', { trafficDistribution: 'PreferClose', selector: { role: 'spread' } }),
      service('only-far', { trafficDistribution: 'PreferClose', selector: { app: 'far' } }),
    )
    expect(await reached('close')).toEqual(new Set([`${near.ip}:8080`]))
    expect(await reached('only-far')).toEqual(new Set([`${far.ip}:8080`]))
  })

  test('row 29: whatever mode kube-proxy has on a node, a meshed pod is served by mutual TLS, and others as ever', async () => {
    const { namespace, outside } = shop
    const modes = await Promise.all(
      [here, there].map(async (node, n) => {
        const host = await outside.pod(
          pod(`host-${n}`, {
            run: ['http-server.ts', '--port', `${18_090 + n}`],
            spec: { hostNetwork: true, ...onNode(node) },
          }),
        )
        return (await host.fetch('http://127.0.0.1:10249/proxyMode')).body
      }),
    )
    if (process.env['WEFT_CLUSTER'] !== 'context') expect(modes).toEqual(['iptables', 'nftables'])
    const [address] = await namespace.addressesOf('spread')
    const served = async (node: string, n: number): Promise<void> => {
      const bare = await outside.pod(pod(`bare-${n}`, { spec: onNode(node) }))
      const meshed = await namespace.pod(pod(`meshed-${n}`, { spec: onNode(node) }))
      for (const each of [bare, meshed]) {
        await using load = each.start('load.ts', `http://${address}/`, '1')
        expect(await load.result()).toMatchObject({ failures: [] })
      }
      const records = (await meshed.connections()).filter(
        ({ destination }) => destination === `${address}:80`,
      )
      expect(new Set(records.map(({ security }) => security))).toEqual(new Set(['mutual_tls']))
    }
    await Promise.all([served(here, 0), served(there, 1)])
  })

  test('rows 42 and 47: a node is drained under load, and no request fails', async () => {
    const { namespace } = shop
    const container = {
      readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
      lifecycle: { preStop: { sleep: { seconds: 4 } } },
    }
    const { metadata, spec } = template('fleet', { container, spec: { terminationGracePeriodSeconds: 30 } })
    const anywhere = {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
    }
    const topologySpreadConstraints = [{ ...anywhere, labelSelector: { matchLabels: { app: 'fleet' } } }]
    await namespace.apply(
      service('fleet'),
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'fleet' },
        spec: { maxUnavailable: 1, selector: { matchLabels: { app: 'fleet' } } },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata,
        spec: {
          replicas: 4,
          selector: { matchLabels: { app: 'fleet' } },
          template: { metadata, spec: { ...spec, topologySpreadConstraints } },
        },
      },
    )
    await namespace.rolledOut('deployment/fleet', 90)
    await using load = client.start('load.ts', 'http://fleet/', '150')
    await using schedulable = new AsyncDisposableStack()
    schedulable.defer(async () => void (await kubectl(['uncordon', there])))
    // kubectl refuses to evict a pod with an emptyDir unless it is told that what is in it may go.
    const which = ['--pod-selector=app=fleet', '--timeout=100s']
    await kubectl(['drain', there, ...which], { timeout: 110_000 })
    await namespace.rolledOut('deployment/fleet', 60)
    load.end()
    const { good, failures } = await load.result<{ good: number; failures: string[] }>()
    expect(failures).toEqual([])
    expect(good).toBeGreaterThan(50)
    type Pods = { items: { metadata: { deletionTimestamp?: string }; spec: { nodeName: string } }[] }
    const { items } = await namespace.read<Pods>('pods', '-l', 'app=fleet')
    const staying = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    expect(new Set(staying.map(({ spec }) => spec.nodeName))).toEqual(new Set([here]))
  })
})
