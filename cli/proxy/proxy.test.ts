import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { fakeApiServer } from '../kubernetes/testing/fake-api-server.ts'
import { type Ran, runWeft } from '../testing/run-weft.ts'
import { showConfig } from './show-config.ts'
import { startAdmin, startStranger, type TestAdmin } from './testing/admin.ts'

describe('weft proxy', () => {
  let sidecar: TestAdmin
  beforeAll(async () => {
    sidecar = await startAdmin()
  })
  afterAll(() => sidecar[Symbol.asyncDispose]())

  const proxy = (...args: string[]): Promise<Ran> => runWeft(['proxy', ...args, '--admin', sidecar.url])
  const json = async (...args: string[]): Promise<unknown> => {
    const { status, stdout } = await proxy(...args, '--output', 'json')
    expect(status).toBe(0)
    return JSON.parse(stdout)
  }

  it('config: sums up what the sidecar knows', async () => {
    expect(await proxy('config')).toEqual({
      status: 0,
      stderr: '',
      stdout: [
        'ready                     no, waits for the trust bundle',
        'control plane             away',
        'workload                  shop/backend-1',
        'identity                  spiffe://cluster.local/ns/shop/sa/backend',
        'policies that hold on it  AuthorizationPolicy shop/backend',
        'networks of the mesh      10.77.0.0/16, fd77::/64',
        'egress                    passthrough',
        'plaintext from the mesh   as policy says',
        'knows                     12 workloads, 6 services, 5 policies',
        '',
      ].join('\n'),
    })
  })

  it('config: shows one section', async () => {
    const [workloads, services, policies] = await Promise.all([
      proxy('config', 'workloads'),
      proxy('config', 'services'),
      proxy('config', 'policies'),
    ])
    expect(workloads.stdout).toMatch(
      /^shop\/db-0 +10\.77\.0\.41 +plaintext +healthy +spiffe:\/\/cluster\.local\/ns\/shop\/sa\/default$/m,
    )
    expect(services.stdout).toMatch(
      /^shop\/backend\.shop\.svc\.cluster\.local +10\.77\.100\.1 +80->8080 9000->9000 +shop\/backend-1 shop\/backend-2 shop\/backend-3$/m,
    )
    expect(services.stdout).toMatch(/^shop\/db\.shop\.svc\.cluster\.local +headless +shop\/db-0$/m)
    expect(policies.stdout).toMatch(/^PeerAuthentication shop\/catalog +deny +workload +1 +no$/m)
    expect(policies.stdout).toMatch(/^AuthorizationPolicy shop\/catalog-trial +deny +workload +1 +yes$/m)
  })

  it('config: writes everything, a section or a summary as JSON', async () => {
    const [everything, services, summary] = await Promise.all([
      json('config'),
      json('config', 'services'),
      json('config', 'summary'),
    ])
    expect(everything).toMatchObject({ ready: false, controlPlane: 'away', services })
    expect(services).toHaveLength(6)
    expect(summary).toMatchObject({ ready: false, known: { workloads: 12, services: 6, policies: 5 } })
    expect(summary).not.toHaveProperty('services')
  })

  it('connections: shows who is connected', async () => {
    const { stdout } = await proxy('connections')
    const [head, line] = stdout.split('\n').map((row) => row.split(/ {2,}/))
    expect(head).toEqual([
      'ID',
      'DIRECTION',
      'FROM',
      'TO',
      'ENDPOINT',
      'SECURITY',
      'PEER',
      'SENT',
      'RECEIVED',
      'AGE',
    ])
    expect(line?.slice(0, -1).join(' ')).toBe(
      '1 inbound shop/frontend-1 10.77.0.21:8080 shop/backend-1 mutual TLS ' +
        'spiffe://cluster.local/ns/shop/sa/frontend 2.0 KiB 0 B',
    )
    expect(await json('connections')).toMatchObject([{ id: 1, source: '10.77.0.11:40000' }])
  })

  it('certificate: shows it, and renews it', async () => {
    const { stdout } = await proxy('certificate')
    expect(stdout).toMatch(/^identity {2}spiffe:\/\/cluster\.local\/ns\/shop\/sa\/backend$/m)
    expect(stdout).toMatch(/^to {8}\S+, (1h|59m \d+s) left$/m)
    expect(await json('certificate')).toMatchObject({ serial: '01' })
    expect(await json('certificate', '--renew')).toMatchObject({ serial: '02' })
    expect(await json('certificate')).toMatchObject({ serial: '02' })
  })

  it('log-level: shows it, and sets it', async () => {
    expect(await proxy('log-level')).toMatchObject({ status: 0, stdout: 'info\n' })
    expect(await proxy('log-level', 'debug')).toMatchObject({ status: 0, stdout: 'debug\n' })
    expect(await json('log-level')).toEqual({ level: 'debug' })
  })
})

describe('weft proxy, where no sidecar is', () => {
  const ask = (...args: string[]) => runWeft(['proxy', 'config', ...args])

  it('says so', async () => {
    const stranger = await startStranger()
    await stranger[Symbol.asyncDispose]()
    expect(await ask('--admin', stranger.url)).toEqual({
      status: 1,
      stdout: '',
      stderr:
        `weft proxy: no sidecar answers at ${stranger.url} (ECONNREFUSED): write where one is with --admin URL, ` +
        'its network namespace with --netns NAME, or its pod with --pod NAMESPACE/NAME\n',
    })
  })

  it('knows a stranger by its answers', async () => {
    await using stranger = await startStranger()
    const { status, stderr } = await ask('--admin', stranger.url)
    expect(status).toBe(1)
    expect(stderr).toBe(
      `weft proxy: GET ${stranger.url}/config: this is not the answer of a weft sidecar: write the URL of one with --admin\n`,
    )
    const connections = await runWeft(['proxy', 'connections', '--admin', stranger.url])
    expect(connections.stderr).toMatch(/the sidecar answered 404: GET \/connections is unknown/)
  })

  it.each(['127.0.0.1:15000', 'https://127.0.0.1:15000', 'http://127.0.0.1:15000/config', ''])(
    'refuses "%s" as a URL',
    async (url) => {
      const message = `--admin is ${JSON.stringify(url)}: write http://HOST:PORT, e.g. http://127.0.0.1:15000`
      expect(await ask('--admin', url)).toEqual({ status: 2, stdout: '', stderr: `weft proxy: ${message}\n` })
    },
  )
})

describe('weft proxy --pod', () => {
  afterEach(() => vi.unstubAllEnvs())
  const path = '/api/v1/namespaces/shop/pods/cart-1/portforward'
  const ask = (pod: string, namespace?: string) =>
    showConfig({ admin: '', pod, namespace, context: 'fake', output: 'table' })

  it.each([
    [
      'shop/cart-1',
      undefined,
      403,
      'you may not: have somebody grant you get and create of pods/portforward there',
    ],
    ['cart-1', 'shop', 404, 'there is no pod shop/cart-1'],
    ['pod/cart-1', 'shop', 500, 'Unexpected server response: 500'],
  ])('%s tells why there is no way to it', async (pod, namespace, answer, why) => {
    await using api = await fakeApiServer({ [`GET ${path}`]: answer })
    vi.stubEnv('KUBECONFIG', api.kubeconfig)
    await expect(ask(pod, namespace)).rejects.toMatchObject({
      status: 1,
      message: `weft proxy: no sidecar answers in pod shop/cart-1 (${why}): see weft status`,
    })
    expect(api.asked).toEqual([`GET ${path}?ports=15000`])
  })

  it('refuses what is no pod’s name', async () => {
    await expect(ask('a/b/c')).rejects.toThrow('weft proxy: --pod is "a/b/c": write NAMESPACE/NAME')
  })

  it('is not to be had beside another place', async () => {
    const { status, stderr } = await runWeft(['proxy', 'config', '--pod', 'shop/cart-1', '--netns', 'x'])
    expect(status).toBe(2)
    expect(stderr).toContain("cannot be used with option '--netns <NAME>'")
  })
})
