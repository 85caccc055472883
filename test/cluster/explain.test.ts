import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runWeft } from '../../cli/testing/run-weft.ts'
import { until } from '../harness/until.ts'
import { kubectl } from './harness/kubectl.ts'
import {
  authorizationPolicy,
  peerAuthentication,
  pod,
  serviceAccount,
  template,
} from './harness/manifests.ts'
import type { Pod } from './harness/pod.ts'
import { Shop } from './harness/shop.ts'

// What weft explain says is what happens: each answer is held against a connection.

interface Document {
  readonly verdict: 'yes' | 'no' | 'partly'
  readonly source: { readonly workload: string }
  readonly endpoints: readonly {
    readonly workload?: string
    readonly transport: string
    readonly because: string
    readonly decidedBy?: { readonly policy: string }
    readonly wouldDeny: readonly string[]
  }[]
  readonly notes: readonly string[]
}

let shop: Shop
let guest: Pod
let around: Pod

beforeAll(async () => {
  shop = await Shop.open('explain')
  const { namespace } = shop
  await namespace.apply(serviceAccount('guest'))
  const annotations = { 'weft.dev/exclude-outbound-ports': '8080', 'weft.dev/exclude-inbound-ports': '8080' }
  ;[guest, around] = await Promise.all([
    namespace.pod(pod('guest', { serviceAccount: 'guest' })),
    namespace.pod(pod('around', { serviceAccount: 'client', annotations })),
  ])
  await namespace.apply(
    authorizationPolicy('server', {
      selector: { matchLabels: { app: 'server' } },
      rules: [{ from: [{ serviceAccounts: ['client'] }], to: [{ ports: [8080] }] }],
    }),
    peerAuthentication('default', { mode: 'Strict' }),
  )
  await guest.fetchUntil(`http://${shop.server.ip}:8080/`, ({ error }) => error !== undefined)
  await shop.outsider.fetchUntil(`http://${shop.client.ip}:8080/`, ({ error }) => error !== undefined)
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('weft explain, and what happens', () => {
  test('whoever is allowed, by a pod’s address and by a Service', async () => {
    const { client, server } = shop
    expect(await explain('client', `${server.ip}:8080`)).toMatchObject({
      verdict: 'yes',
      endpoints: [{ transport: 'mutual_tls', decidedBy: { policy: policyOf('server') } }],
    })
    expect((await client.fetch(`http://${server.ip}:8080/`)).status).toBe(200)
    expect(await explain('client', 'server:80')).toMatchObject({ verdict: 'yes' })
    expect((await client.fetch('http://server/')).status).toBe(200)
  })

  test('whom no policy allows', async () => {
    expect(await explain('guest', 'server:80')).toMatchObject({
      verdict: 'no',
      endpoints: [
        { transport: 'mutual_tls', because: expect.stringContaining(`no rule of ${policyOf('server')}`) },
      ],
    })
    expect((await guest.fetch('http://server/')).error).toBeDefined()
    await shop.server.connection({ direction: 'inbound', reason: 'no_allow_matched' })
  })

  test('an outsider, where it is strict', async () => {
    const { outsider, client } = shop
    const outside = `${outsider.namespace}/outsider`
    expect(await explain(outside, `${client.ip}:8080`)).toMatchObject({
      verdict: 'no',
      endpoints: [{ transport: 'plaintext', because: expect.stringContaining('is strict there') }],
    })
    expect((await outsider.fetch(`http://${client.ip}:8080/`)).error).toBe('ECONNRESET')
  })

  test('a pod that is not meshed', async () => {
    const { outsider, client } = shop
    expect(await explain('client', `${outsider.ip}:8080`)).toMatchObject({
      verdict: 'yes',
      endpoints: [{ transport: 'plaintext', because: expect.stringContaining('is not meshed') }],
    })
    expect((await client.fetch(`http://${outsider.ip}:8080/`)).status).toBe(200)
  })

  test('ports that a pod excludes: out without an identity, in past all policy', async () => {
    const { outsider, server } = shop
    expect(await explain('around', `${server.ip}:8080`)).toMatchObject({
      verdict: 'no',
      endpoints: [{ transport: 'plaintext', because: expect.stringContaining('excludes port 8080') }],
    })
    expect((await around.fetch(`http://${server.ip}:8080/`)).error).toBe('ECONNRESET')
    expect(await explain(`${outsider.namespace}/outsider`, `${around.ip}:8080`)).toMatchObject({
      verdict: 'yes',
      endpoints: [{ transport: 'plaintext', because: expect.stringContaining('past all policy') }],
    })
    expect((await outsider.fetch(`http://${around.ip}:8080/`)).status).toBe(200)
  })

  test('a dry run denies nothing, is counted and logged, and is told', async () => {
    const { namespace, client, server } = shop
    const selector = { matchLabels: { app: 'server' } }
    await namespace.apply(
      authorizationPolicy('trial', { selector, dryRun: true, action: 'Deny', rules: [{}] }),
    )
    const wouldDeny = [`rule 0 of ${policyOf('trial')} denies it`]
    expect(await explain('client', 'server:80')).toMatchObject({ verdict: 'yes', endpoints: [{ wouldDeny }] })
    await until('a connection that the dry run would deny', async () => {
      expect((await client.fetch('http://server/')).status).toBe(200)
      const labels = { policy: `${namespace.name}/trial` }
      return ((await server.metric('weft_dry_run_denials_total', labels)) ?? 0) > 0
    })
    const logged = (await server.connections()) as readonly { readonly wouldDeny?: readonly string[] }[]
    expect(logged.findLast((one) => one.wouldDeny !== undefined)).toMatchObject({ wouldDeny })
    await namespace.kubectl(['delete', 'authorizationpolicy/trial'])
  })

  test('a change turns both round', async () => {
    const { namespace, server } = shop
    const from = [{ serviceAccounts: ['client', 'guest'] }]
    const selector = { matchLabels: { app: 'server' } }
    await namespace.apply(authorizationPolicy('server', { selector, rules: [{ from }] }))
    expect((await explain('guest', 'server:80')).verdict).toBe('yes')
    await guest.fetchUntil(`http://${server.ip}:8080/`, ({ status }) => status === 200)
  })

  test('a Deployment stands for its pods', async () => {
    const { namespace } = shop
    const { metadata, spec } = template('web', { serviceAccount: 'client' })
    await namespace.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: metadata.labels }, spec },
      },
    })
    await namespace.rolledOut('deployment/web', 60)
    const answer = await explain('deploy/web', 'server:80')
    expect(answer).toMatchObject({ verdict: 'yes', source: { workload: expect.stringMatching(/\/web-/) } })
    expect(answer.notes[0]).toContain(`is deployment ${namespace.name}/web: this is about`)
    // Where pods have addresses of two families, each of them is an endpoint.
    const { endpoints } = await explain('client', 'deploy/web:8080')
    expect(new Set(endpoints.map(({ workload }) => workload)).size).toBe(2)
  })
})

describe('the sidecars themselves', () => {
  test('--verify asks them, and they decide the same', async () => {
    const { verdict, notes } = await explain('client', 'server:80', '--verify')
    expect(verdict).toBe('yes')
    expect(notes).toContain(`the sidecar of ${shop.namespace.name}/server decides the same`)
  })

  test('--pod asks one, of a mesh and of itself', async () => {
    const place = ['--pod', `${shop.namespace.name}/server`]
    const { notes } = await explain('client', `${shop.server.ip}:8080`, ...place)
    expect(notes[0]).toBe(`as the sidecar of ${shop.namespace.name}/server sees the mesh right now`)
    const [config, certificate, connections] = await Promise.all(
      ['config', 'certificate', 'connections'].map((what) => json(['proxy', what, ...place])),
    )
    expect(config).toMatchObject({ ready: true, own: { identity: shop.identity('server') } })
    expect(certificate).toMatchObject({ identity: shop.identity('server') })
    expect(connections).toBeInstanceOf(Array)
  })
})

describe('what may be read', () => {
  test('is named where it may not, and ClusterRole weft-explain is enough', async () => {
    const { namespace } = shop
    await namespace.apply(serviceAccount('operator'))
    const operator = await kubeconfigOf('operator')
    const ask = () =>
      weft(['explain', 'client', 'server:80', '--cluster', '-n', namespace.name], operator.path)
    try {
      const refused = await ask()
      expect(refused.status).toBe(2)
      expect(refused.stderr).toMatch(
        /you may not list pods, services, endpointslices\.discovery\.k8s\.io, namespaces, nodes/,
      )
      const binding = `${namespace.name}-explain`
      const subject = `--serviceaccount=${namespace.name}:operator`
      await kubectl(['create', 'clusterrolebinding', binding, '--clusterrole=weft-explain', subject])
      const allowed = await until('the binding to count', async () => {
        const answer = await ask()
        return answer.status === 0 && answer
      })
      expect(allowed.stdout).toMatch(/^yes: /)
      await kubectl(['delete', 'clusterrolebinding', binding])
    } finally {
      operator[Symbol.dispose]()
    }
  })
})

function policyOf(name: string): string {
  return `AuthorizationPolicy ${shop.namespace.name}/${name}`
}

async function explain(source: string, destination: string, ...more: readonly string[]): Promise<Document> {
  const args = more.includes('--pod') ? more : ['--cluster', ...more]
  return (await json(['explain', source, destination, '-n', shop.namespace.name, ...args])) as Document
}

async function json(args: readonly string[]): Promise<unknown> {
  const context = process.env['WEFT_CLUSTER_CONTEXT']
  const { stdout, stderr } = await weft([...args, ...(context ? ['--context', context] : []), '-o', 'json'])
  if (stdout === '') throw new Error(stderr)
  return JSON.parse(stdout) as unknown
}

async function weft(args: readonly string[], kubeconfig = process.env['KUBECONFIG']) {
  return await runWeft(args, kubeconfig === undefined ? {} : { env: { KUBECONFIG: kubeconfig } })
}

/** The kubeconfig of somebody who may do nothing yet. */
async function kubeconfigOf(account: string): Promise<Disposable & { readonly path: string }> {
  const token = (await shop.namespace.kubectl(['create', 'token', account])).trim()
  const config = JSON.parse(
    await kubectl(['config', 'view', '--minify', '--flatten', '--raw', '-o', 'json']),
  ) as {
    readonly users: readonly { readonly name: string }[]
  }
  const users = config.users.map(({ name }) => ({ name, user: { token } }))
  const folder = mkdtempSync(join(tmpdir(), 'weft-operator-'))
  const path = join(folder, 'kubeconfig')
  writeFileSync(path, JSON.stringify({ ...config, users }))
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) }
}
