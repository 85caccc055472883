import { X509Certificate } from 'node:crypto'
import { credentials, Metadata, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { makeCsr } from '#control-plane/authority/testing/csr.ts'
import { type ControlPlaneConfig, defaultRotation } from '#control-plane/config.ts'
import { type ControlPlanePorts, runControlPlane } from '#control-plane/control-plane.ts'
import { typeUrls } from '#control-plane/model/type-urls.ts'
import { DiscoveryClient } from '#control-plane/push/testing/grpc-client.ts'
import type { ApiClient } from '#control-plane/watch/kubernetes/api/client.ts'
import { type IstioCertificateResponse, IstioCertificateServiceClient } from '#proto/istio/v1/auth/ca.ts'
import { Address } from '#proto/istio/workload/workload.ts'
import { createLog } from '#runtime/log.ts'
import { runWeft } from '../../cli/testing/run-weft.ts'
import { type ApiServer, hasApiServer, startApiServer } from './api-server/api-server.ts'
import {
  chartObjects,
  create,
  createNamespace,
  createPod,
  createSettings,
  createToken,
} from './api-server/manifests.ts'

const namespace = 'weft-system'
const serverName = 'weft-control-plane.weft-system.svc'
const records: Record<string, unknown>[] = []
const log = createLog({
  component: 'control-plane',
  level: 'debug',
  write: (line) => void records.push(JSON.parse(line) as Record<string, unknown>),
})

let api: ApiServer
let operator: ApiClient
let first: Replica

interface Replica extends AsyncDisposable {
  readonly ports: ControlPlanePorts
}

/** A replica that may do what the chart's roles allow it, and no more. */
async function startReplica(podName: string): Promise<Replica> {
  const config: ControlPlaneConfig = {
    registry: { kind: 'kubernetes', podName },
    listen: { host: '127.0.0.1', port: 0 },
    metricsListen: { host: '127.0.0.1', port: 0 },
    certificateLifetime: 3_600_000,
    namespace,
    checkTokenAddress: true,
    rotation: defaultRotation,
    logLevel: 'debug',
  }
  const end = new AbortController()
  const started = Promise.withResolvers<ControlPlanePorts>()
  const running = runControlPlane(config, { log, signal: end.signal, started: started.resolve })
  const ports = await Promise.race([
    started.promise,
    running.then(() => Promise.reject(new Error('it ended'))),
  ])
  return {
    ports,
    async [Symbol.asyncDispose]() {
      end.abort()
      await running
    },
  }
}

describe.skipIf(!hasApiServer)('the control plane on a real API server', () => {
  beforeAll(async () => {
    api = await startApiServer()
    operator = api.client
    await createNamespace(operator, namespace)
    await createSettings(operator)
    await createNamespace(operator, 'shop', { 'weft.dev/inject': 'enabled' })
    await createNamespace(operator, 'elsewhere')
    const templates = [
      'crds/peerauthentications.yaml',
      'crds/authorizationpolicies.yaml',
      'control-plane/rbac.yaml',
    ]
    for (const object of templates.flatMap((template) => chartObjects(template)))
      await create(operator, object)
    for (const object of chartObjects('injector/webhook.yaml'))
      await create(operator, withoutInjector(object))
    await create(operator, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-a' },
      spec: { podCIDR: '127.0.0.0/24' },
    })
    for (const [space, name] of [
      ['shop', 'backend'],
      ['shop', 'frontend'],
      [namespace, 'weft-injector'],
    ] as const) {
      await create(operator, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { namespace: space, name },
      })
    }
    const token = await createToken(operator, { namespace, serviceAccount: 'weft-control-plane' })
    vi.stubEnv('KUBECONFIG', api.kubeconfig(token))
    first = await startReplica('replica-1')
  }, 120_000)

  afterAll(async () => {
    await first?.[Symbol.asyncDispose]()
    vi.unstubAllEnvs()
    await api?.[Symbol.asyncDispose]()
    const denied = records.filter((record) => JSON.stringify(record).includes('forbidden'))
    expect(denied).toEqual([])
  }, 60_000)

  test('keeps the trust bundle where sidecars are, and in no other namespace', async () => {
    const bundle = await until(() => trustBundle('shop'))
    expect(new X509Certificate(bundle).subjectAltName).toBe('URI:spiffe://cluster.local')
    expect(await until(() => trustBundle(namespace))).toBe(bundle)
    expect(await trustBundle('elsewhere')).toBeUndefined()
  })

  test('puts back what somebody wrote into the trust bundle', async () => {
    const bundle = await until(() => trustBundle('shop'))
    await operator.request({
      method: 'PATCH',
      path: '/api/v1/namespaces/shop/configmaps/weft-trust-bundle',
      contentType: 'application/merge-patch+json',
      body: { data: { 'bundle.pem': 'mine' } },
    })
    expect(await trustBundle('shop')).toBe('mine')
    await until(async () => (await trustBundle('shop')) === bundle)
  })

  test("gives the webhook the authority's roots, and touches nothing else of it", async () => {
    const bundle = await until(() => trustBundle('shop'))
    const webhooks = await until(async () => {
      const { webhooks } = await get(
        '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/weft-injector',
      )
      return webhooks.every(
        (webhook: { clientConfig: { caBundle?: string } }) => webhook.clientConfig.caBundle,
      )
        ? webhooks
        : undefined
    })
    expect(Buffer.from(webhooks[0].clientConfig.caBundle, 'base64').toString()).toBe(bundle)
    expect(webhooks[0]).toMatchObject({
      name: 'inject.weft.dev',
      failurePolicy: 'Ignore',
      clientConfig: { service: { name: 'weft-injector', path: '/inject' } },
    })
  })

  test('issues the identity that a projected token proves, whatever the request says', async () => {
    const pod = await createPod(operator, {
      namespace: 'shop',
      name: 'backend-1',
      serviceAccount: 'backend',
      ip: '127.0.0.1',
    })
    const token = await tokenOf('shop', 'backend', { name: 'backend-1', uid: pod.uid })
    const leaf = await issue(first, token)
    expect(leaf.subjectAltName).toBe('URI:spiffe://cluster.local/ns/shop/sa/backend')
  })

  test("lets the injector serve under its service's names, and nobody else", async () => {
    const pod = await createPod(operator, {
      namespace,
      name: 'injector-1',
      serviceAccount: 'weft-injector',
      ip: '127.0.0.1',
      meshed: false,
    })
    await remove('/api/v1/namespaces/shop/pods/backend-1')
    const leaf = await issue(
      first,
      await tokenOf(namespace, 'weft-injector', { name: 'injector-1', uid: pod.uid }),
    )
    expect(leaf.subjectAltName).toBe(
      'URI:spiffe://cluster.local/ns/weft-system/sa/weft-injector, ' +
        'DNS:weft-injector.weft-system.svc, DNS:weft-injector.weft-system.svc.cluster.local',
    )
    await remove(`/api/v1/namespaces/${namespace}/pods/injector-1`)
  })

  test('refuses tokens of another audience, unbound ones, and those from elsewhere', async () => {
    const pod = await createPod(operator, {
      namespace: 'shop',
      name: 'far-1',
      serviceAccount: 'frontend',
      ip: '127.0.0.77',
    })
    const bound = { name: 'far-1', uid: pod.uid }
    const refusal = async (token: string, reason: string) => {
      await expect(issue(first, token)).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
      expect(records.findLast(({ message }) => message === 'certificate refused')).toMatchObject({ reason })
    }
    const own = { namespace: 'shop', serviceAccount: 'frontend' }
    await refusal(await createToken(operator, { ...own, pod: bound }), 'not_authenticated')
    await refusal(await createToken(operator, { ...own, audience: 'weft-ca' }), 'malformed')
    const good = await createToken(operator, { ...own, audience: 'weft-ca', pod: bound })
    await refusal(good, 'other_address')
    await refusal('not.a.token', 'not_authenticated')
    // The API server accepted it a moment ago, and is not asked again: the watch knows better.
    await remove('/api/v1/namespaces/shop/pods/far-1')
    await refusal(good, 'pod_gone')
  })

  test('pushes pods with the policies that hold on them, and reports the policies', async () => {
    const pod = await createPod(operator, {
      namespace: 'shop',
      name: 'backend-2',
      serviceAccount: 'backend',
      labels: { app: 'backend' },
      ip: '127.0.0.1',
    })
    const path = await createPolicy('backend', { selector: { matchLabels: { app: 'backend' } }, rules: [] })
    const reported = await until(async () => {
      const policy = await get(path)
      return policy.status?.workloads === 1 ? policy : undefined
    })
    expect(reported.status.conditions).toMatchObject([
      { type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 1 },
    ])
    const token = await tokenOf('shop', 'backend', { name: 'backend-2', uid: pod.uid })
    using client = new DiscoveryClient({
      port: first.ports.grpc,
      serverName,
      credentials: credentials.createSsl(Buffer.from((await trustBundle('shop'))!)),
      token,
    })
    client.send({ typeUrl: typeUrls.address })
    const { resources } = await client.accept()
    const own = resources.find(({ name }) => name === 'Kubernetes//Pod/shop/backend-2')
    const address = Address.decode(own!.resource!.value).type
    expect(address?.$case === 'workload' && address.value.authorizationPolicies).toEqual(['shop/backend'])
    await remove('/api/v1/namespaces/shop/pods/backend-2')
    expect((await client.ended)?.code).toBe(status.UNAUTHENTICATED)
    await remove(path)
  })

  test('tells a service that claims an address which is taken', async () => {
    const service = (name: string) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { namespace: 'shop', name },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
    })
    for (const name of ['early', 'late']) {
      await create(operator, service(name))
      const contentType = 'application/merge-patch+json'
      const body = { status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } } }
      await operator.request({
        method: 'PATCH',
        path: `/api/v1/namespaces/shop/services/${name}/status`,
        contentType,
        body,
      })
      // Ages are whole seconds.
      await new Promise((resolve) => setTimeout(resolve, 1_100))
    }
    const event = await until(async () => {
      const { items } = await get('/api/v1/namespaces/shop/events')
      return items.find(({ reason }: { reason: string }) => reason === 'AddressTaken')
    })
    expect(event).toMatchObject({ involvedObject: { name: 'late' }, type: 'Warning' })
    expect(event.message).toContain('203.0.113.7 leads to service shop/early')
  })

  test('revokes a pod at every replica, whichever issued its certificates', async () => {
    await using second = await startReplica('replica-2')
    // The command asks the API server who has to obey.
    const replicas = ['replica-1', 'replica-2']
    const labels = { 'app.kubernetes.io/component': 'control-plane', 'app.kubernetes.io/instance': 'weft' }
    for (const [i, name] of replicas.entries()) {
      const serviceAccount = 'weft-control-plane'
      await createPod(operator, {
        namespace,
        name,
        serviceAccount,
        labels,
        ip: `127.0.0.${81 + i}`,
        meshed: false,
      })
    }
    const known = async (name: string) => {
      const parts = { namespace: 'shop', name, serviceAccount: 'frontend', ip: '127.0.0.1' }
      const { uid } = await createPod(operator, parts)
      return { name, uid, token: await tokenOf('shop', 'frontend', { name, uid }) }
    }
    const stolen = await known('stolen-1')
    const { serialNumber } = await issue(second, stolen.token)
    const witness = await known('witness-1')
    const env = { KUBECONFIG: api.kubeconfig(api.token) }
    const { stdout } = await runWeft(['identity', 'revoke', 'shop/stolen-1', '-o', 'json'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ podUid: stolen.uid, inForce: true, certificates: 1 })
    for (const replica of [first, second]) {
      expect(await metricsOf(replica)).toContain('\nweft_revoked_certificates 1\n')
      await expect(issue(replica, stolen.token)).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
      await issue(replica, witness.token)
    }
    // What each entry was written by would take as much room as the entries.
    const { items } = await get(`/api/v1/namespaces/${namespace}/configmaps`)
    const shards = items.filter(({ metadata }: { metadata: { name: string } }) => {
      return metadata.name.startsWith('weft-serials-')
    })
    const data = Object.assign({}, ...shards.map((shard: { data: object }) => shard.data))
    expect(Object.keys(data)).toContain(`${stolen.uid}.${serialNumber.toLowerCase()}`)
    expect(JSON.stringify(shards.map((shard: { metadata: object }) => shard.metadata))).not.toContain(
      stolen.uid,
    )
    const undone = await runWeft(['identity', 'revoke', 'shop/stolen-1', '--undo'], { env })
    expect(undone).toMatchObject({ status: 0 })
    await issue(first, stolen.token)
    await Promise.all([
      ...[stolen, witness].map(({ name }) => remove(`/api/v1/namespaces/shop/pods/${name}`)),
      ...replicas.map((name) => remove(`/api/v1/namespaces/${namespace}/pods/${name}`)),
    ])
  }, 60_000)

  test('a second replica has the same root, serves at once, and writes when the first is gone', async () => {
    await using second = await startReplica('replica-2')
    const pod = await createPod(operator, {
      namespace: 'shop',
      name: 'frontend-1',
      serviceAccount: 'frontend',
      ip: '127.0.0.1',
    })
    const token = await tokenOf('shop', 'frontend', { name: 'frontend-1', uid: pod.uid })
    expect((await issue(second, token)).subjectAltName).toContain('/ns/shop/sa/frontend')
    const holder = async () =>
      (await get(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/weft-control-plane`)).spec
        .holderIdentity
    expect(await holder()).toMatch(/^replica-1_/)
    await first[Symbol.asyncDispose]()
    await until(async () => (await holder()).startsWith('replica-2_'))
    await createNamespace(operator, 'late', { 'weft.dev/inject': 'enabled' })
    await until(() => trustBundle('late'))
    await remove('/api/v1/namespaces/shop/pods/frontend-1')
  }, 60_000)
})

/** Nobody answers the webhook here, so that it has to be one that may fail. */
function withoutInjector<T extends Record<string, unknown>>(configuration: T): T {
  const webhooks = configuration['webhooks'] as readonly object[]
  return { ...configuration, webhooks: webhooks.map((webhook) => ({ ...webhook, failurePolicy: 'Ignore' })) }
}

// biome-ignore lint/suspicious/noExplicitAny: what the API server answers is looked at field by field
// oxlint-disable-next-line typescript/no-explicit-any
async function get(path: string): Promise<any> {
  return operator.request({ path })
}

async function remove(path: string): Promise<void> {
  await operator.request({ method: 'DELETE', path, body: { gracePeriodSeconds: 0 } })
}

async function trustBundle(space: string): Promise<string | undefined> {
  const found = await get(`/api/v1/namespaces/${space}/configmaps/weft-trust-bundle`).catch(() => undefined)
  return found?.data['bundle.pem']
}

function tokenOf(space: string, serviceAccount: string, pod: { name: string; uid: string }): Promise<string> {
  return createToken(operator, { namespace: space, serviceAccount, audience: 'weft-ca', pod })
}

async function metricsOf({ ports }: Replica): Promise<string> {
  return (await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)).text()
}

async function createPolicy(name: string, spec: unknown): Promise<string> {
  const manifest = {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'AuthorizationPolicy',
    metadata: { namespace: 'shop', name },
    spec,
  }
  await create(operator, manifest)
  return `/apis/weft.dev/v1alpha1/namespaces/shop/authorizationpolicies/${name}`
}

async function issue(replica: Replica, token: string): Promise<X509Certificate> {
  const bundle = await until(() => trustBundle(namespace))
  const client = new IstioCertificateServiceClient(
    `127.0.0.1:${replica.ports.grpc}`,
    credentials.createSsl(Buffer.from(bundle)),
    { 'grpc.ssl_target_name_override': serverName },
  )
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  const request = { csr: makeCsr({ commonName: 'admin' }), validityDuration: 0, metadata: undefined }
  try {
    const { certChain } = await new Promise<IstioCertificateResponse>((resolve, reject) => {
      client.createCertificate(request, metadata, (error, response) =>
        error ? reject(error) : resolve(response),
      )
    })
    return new X509Certificate(certChain[0]!)
  } finally {
    client.close()
  }
}

async function until<T>(look: () => Promise<T | undefined>): Promise<NonNullable<T>> {
  for (let i = 0; i < 300; i++) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('it never came to hold')
}
