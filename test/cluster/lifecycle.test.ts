import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../harness/until.ts'
import { peerAuthentication, pod, service, serviceAccount, template } from './harness/manifests.ts'
import { Shop } from './harness/shop.ts'
import { appImage } from './images/app.ts'

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open('lifecycle')
  await shop.namespace.apply(peerAuthentication('default', { mode: 'Strict' }))
})
afterAll(() => shop[Symbol.asyncDispose]())

/** One request that ends with status 0 where it was answered with 200. */
const once = `require('node:http').get('http://server/', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
  .on('error', () => process.exit(1))`

describe('lifecycle', () => {
  test('row 40: an init container of the application has the mesh', async () => {
    const { namespace, server } = shop
    await namespace.apply(serviceAccount('early'))
    const initContainers = [{ name: 'first', image: appImage, command: ['node', '--eval', once] }]
    const early = await namespace.pod(pod('early', { serviceAccount: 'early', spec: { initContainers } }))
    expect(await early.restarts()).toBe(0)
    expect(await server.connection({ direction: 'inbound', peer: shop.identity('early') })).toMatchObject({
      security: 'mutual_tls',
    })
  })

  test('row 40: weft-init and weft-proxy are ahead of the application’s own init containers', async () => {
    type Containers = { spec: { initContainers: { name: string }[] } }
    const { spec } = await shop.namespace.read<Containers>('pod', 'early')
    expect(spec.initContainers.map(({ name }) => name)).toEqual(['weft-init', 'weft-proxy', 'first'])
  })

  test('row 40: a pod whose rules are missing never starts its application', async () => {
    const { namespace } = shop
    // What the webhook makes of it, but for the one container that sets the rules.
    const injected = JSON.parse(
      await namespace.kubectl(
        ['create', '--dry-run=server', '-o', 'json', '-f', '-'],
        JSON.stringify(pod('bare')),
      ),
    ) as { metadata: object; spec: { initContainers: { name: string; command?: string[]; image: string }[] } }
    const init = injected.spec.initContainers.find(({ name }) => name === 'weft-init')!
    Object.assign(init, { image: appImage, command: ['node', '--version'] })
    await namespace.kubectl(['create', '-f', '-'], JSON.stringify(injected))
    await until(
      'failed startup probes',
      async () => {
        const events = await namespace.kubectl(['events', '--for', 'pod/bare', '--types=Warning'])
        return events.includes('Startup probe failed')
      },
      { timeout: 30_000, interval: 500 },
    )
    type Status = { status: { containerStatuses: { name: string; started: boolean }[] } }
    const { status } = await namespace.read<Status>('pod', 'bare')
    expect(status.containerStatuses).toMatchObject([{ name: 'app', started: false }])
  })

  test('row 41: a Job completes, and so does one of a CronJob', async () => {
    const { namespace } = shop
    const { spec } = template('job', { container: { command: ['node', '--eval', once] } })
    const job = { backoffLimit: 0, template: { spec: { ...spec, restartPolicy: 'Never' } } }
    await namespace.apply(
      { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'once' }, spec: job },
      {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { name: 'nightly' },
        spec: { schedule: '0 3 * * *', jobTemplate: { spec: job } },
      },
    )
    await namespace.kubectl(['create', 'job', 'tonight', '--from=cronjob/nightly'])
    await namespace.kubectl(['wait', 'job/once', 'job/tonight', '--for=condition=complete', '--timeout=50s'])
  })

  test('row 42: a pod that is told to end serves and dials until its application has ended', async () => {
    const { client, server, namespace } = shop
    await namespace.apply(serviceAccount('leaver'))
    const options = {
      run: ['graceful.ts', 'http://server/farewell'],
      serviceAccount: 'leaver',
      spec: { terminationGracePeriodSeconds: 60 },
    }
    const leaver = await namespace.pod(pod('leaver', options))
    await namespace.kubectl(['delete', 'pod/leaver', '--wait=false'])
    const began = Date.now()
    const answers: (number | undefined)[] = []
    while (Date.now() - began < 4_000) answers.push((await client.fetch(`http://${leaver.ip}:8080/`)).status)
    expect(answers.length).toBeGreaterThan(1)
    expect(new Set(answers)).toEqual(new Set([200]))
    expect(await server.connection({ direction: 'inbound', peer: shop.identity('leaver') })).toMatchObject({
      security: 'mutual_tls',
    })
    await namespace.kubectl(['wait', 'pod/leaver', '--for=delete', '--timeout=50s'])
    // The application took six seconds; what waits for the end of the grace period takes sixty.
    expect(Date.now() - began).toBeLessThan(40_000)
  })

  test('row 43: a pod that is no longer ready keeps its connections and gets no new ones', async () => {
    const { client, namespace } = shop
    const readinessProbe = {
      exec: { command: ['sh', '-c', '! read x </tmp/away'] },
      periodSeconds: 1,
      failureThreshold: 1,
    }
    const container = { readinessProbe }
    const run = ['ticker.ts', '--port', '8080']
    await namespace.apply(service('ticker', { selector: { role: 'ticker' } }))
    const [first] = await Promise.all(
      ['ticker-1', 'ticker-2'].map((name) =>
        namespace.pod(pod(name, { run, labels: { role: 'ticker' }, container })),
      ),
    )
    await using held = client.start('listen.ts', first!.ip, '8080')
    await held.printed('open')
    await first!.exec('sh', '-c', 'echo away >/tmp/away')
    await namespace.kubectl(['wait', 'pod/ticker-1', '--for=condition=Ready=false', '--timeout=20s'])
    const { spec } = await namespace.read<{ spec: { clusterIP: string } }>('service', 'ticker')
    const reached = async (): Promise<(string | undefined)[]> => {
      const before = (await client.connections()).length
      for (let n = 0; n < 6; n += 1) await client.exec('node', '/apps/greeting.ts', spec.clusterIP, '80')
      return (await client.connections()).slice(before).map(({ endpoint }) => endpoint)
    }
    await until(
      'new connections to the other pod only',
      async () => !(await reached()).includes(`${first!.ip}:8080`),
      {
        timeout: 20_000,
      },
    )
    expect(
      (await client.connections()).filter(({ destination }) => destination === `${first!.ip}:8080`),
    ).toEqual([])
  })

  test('row 22: a transfer is reset when its pod is killed', async () => {
    const { client, namespace } = shop
    const victim = await namespace.pod(pod('victim', { run: ['ticker.ts', '--port', '8080'] }))
    await using held = client.start('listen.ts', victim.ip, '8080')
    await held.printed('open')
    await namespace.kubectl(['delete', 'pod/victim', '--force', '--grace-period=0'])
    const { end, lines } = await held.result<{ end: string; lines: number }>()
    expect(lines).toBeGreaterThan(0)
    expect(end).toBe('ECONNRESET')
  })
})
