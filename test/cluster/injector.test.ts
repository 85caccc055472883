import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { ApiClient } from '#control-plane/watch/kubernetes/api/client.ts'
import { kubernetesCluster } from '#injector/cluster/kubernetes.ts'
import { readConfig } from '#injector/config.ts'
import { runInjector } from '#injector/injector.ts'
import { identity } from '#mesh/testing/mesh.ts'
import { createLog } from '#runtime/log.ts'
import { channelTo, controlPlaneName, fakeControlPlane } from '#sidecar/testing/control-plane.ts'
import { dns, TestPki } from '#sidecar/testing/pki.ts'
import { until } from '#test/harness/until.ts'
import { type ApiServer, hasApiServer, startApiServer } from './api-server/api-server.ts'
import { chartObjects, create, createNamespace, createToken } from './api-server/manifests.ts'

type Object = Record<string, unknown>
interface Injected {
  readonly metadata: { readonly name: string; readonly uid: string }
  readonly spec: {
    /** None where nothing was injected. */
    readonly initContainers?: readonly { readonly name: string; readonly volumeMounts: readonly Object[] }[]
    readonly containers: readonly Object[]
  }
}

const dnsName = 'weft-injector.weft-system.svc'

// What the API server makes of the injector's answers: that it takes the patches, and the pods that come of them.
describe.skipIf(!hasApiServer)('the injector on a real API server', () => {
  let api: ApiServer
  let operator: ApiClient
  let metricsPort: number
  const records: Object[] = []
  const stack = new AsyncDisposableStack()

  beforeAll(async () => {
    api = stack.use(await startApiServer({ serviceAccounts: true }))
    operator = api.client
    await makeNamespace('weft-system', {})
    // Before the webhook is there, and so outside the mesh.
    await makeNamespace('shop', { 'weft.dev/inject': 'enabled' })
    await createPod('shop', { metadata: { name: 'early' }, spec: { containers: [app] } })
    await makeNamespace('elsewhere', {})
    for (const level of ['baseline', 'restricted']) {
      const labels = { 'weft.dev/inject': 'enabled', 'pod-security.kubernetes.io/enforce': level }
      await makeNamespace(level, labels)
    }
    for (const object of chartObjects('injector/rbac.yaml')) await create(operator, object)
    const ports = await startInjector()
    metricsPort = ports.metrics
    for (const webhook of chartObjects('injector/webhook.yaml')) {
      await create(operator, reachedAt(webhook, ports.webhook) as typeof webhook)
    }
    await until('the API server to ask the webhook', async () => (await dryRun('ready')).spec.initContainers)
  }, 120_000)

  afterAll(async () => {
    await stack.disposeAsync()
    expect(records.filter((record) => JSON.stringify(record).includes('forbidden'))).toEqual([])
  }, 60_000)

  async function makeNamespace(name: string, labels: Record<string, string>): Promise<void> {
    await createNamespace(operator, name, labels)
    for (const account of ['default', 'db']) {
      const metadata = { name: account, namespace: name }
      await create(operator, { apiVersion: 'v1', kind: 'ServiceAccount', metadata })
    }
  }

  /** With the roles that the chart gives it, and certificates of an authority of this test's own. */
  async function startInjector() {
    const pki = new TestPki()
    const sign = (csr: string) =>
      pki.sign(csr, identity('weft-injector', 'weft-system'), { names: [dns(dnsName), dns('localhost')] })
    const controlPlane = stack.use(await fakeControlPlane(pki, { sign }))
    const files = stack.use(channelTo(controlPlane.port, pki))
    caBundle = pki.root.certificate.toString()
    const token = await createToken(operator, { namespace: 'weft-system', serviceAccount: 'weft-injector' })
    process.env['KUBECONFIG'] = api.kubeconfig(token)
    stack.defer(() => void delete process.env['KUBECONFIG'])
    const stop = new AbortController()
    const started = Promise.withResolvers<{ webhook: number; metrics: number }>()
    const config = readConfig({
      WEFT_CONTROL_PLANE: `127.0.0.1:${controlPlane.port}`,
      WEFT_CONTROL_PLANE_NAME: controlPlaneName,
      WEFT_TRUST_BUNDLE: files.trustBundle,
      WEFT_TOKEN: files.token,
      WEFT_LISTEN: '127.0.0.1:0',
      WEFT_METRICS_LISTEN: '127.0.0.1:0',
      WEFT_RECONCILE_INTERVAL: '500ms',
      WEFT_DRAIN_DELAY: '10ms',
    })
    const log = createLog({
      component: 'injector',
      write: (line) => void records.push(JSON.parse(line) as Object),
    })
    const options = { cluster: kubernetesCluster(), log, signal: stop.signal, started: started.resolve }
    const running = runInjector(config, options)
    running.catch(started.reject)
    stack.defer(async () => {
      stop.abort()
      await running
    })
    return await started.promise
  }

  let caBundle: string

  /** The chart's webhook, found on loopback instead of behind a Service. */
  function reachedAt(webhook: Object, port: number): Object {
    const webhooks = webhook['webhooks'] as Object[]
    const clientConfig = {
      url: `https://localhost:${port}/inject`,
      caBundle: Buffer.from(caBundle).toString('base64'),
    }
    return { ...webhook, webhooks: webhooks.map((each) => ({ ...each, clientConfig })) }
  }

  function createPod(namespace: string, pod: Object, query: Record<string, string> = {}): Promise<Injected> {
    const path = `/api/v1/namespaces/${namespace}/pods`
    const body = { apiVersion: 'v1', kind: 'Pod', ...pod }
    return operator.request({ method: 'POST', path, query, body }) as Promise<Injected>
  }

  const app = { name: 'app', image: 'web' }
  const dryRun = (name: string) =>
    createPod('shop', { metadata: { name }, spec: { containers: [app] } }, { dryRun: 'All' })

  const injectable = [
    'annotations',
    'init-containers',
    'ipv6-only',
    'job',
    'plain',
    'probes-and-hooks',
    'several-containers',
    'stateful-set',
  ]

  test.each(injectable)('takes the pod that comes of %s', async (name) => {
    const file = new URL(`../../injector/testdata/${name}.yaml`, import.meta.url)
    const [written] = parseAllDocuments(readFileSync(file, 'utf8')).map(
      (document) => document.toJS() as Object,
    )
    // Which nobody here would serve.
    const { ownerReferences: _, ...metadata } = written!['metadata'] as Object
    const { spec } = await createPod('shop', { ...written, metadata: { ...metadata, name } })
    expect(spec.initContainers!.slice(0, 2).map((container) => container.name)).toEqual([
      'weft-init',
      'weft-proxy',
    ])
    for (const { volumeMounts } of spec.initContainers!.slice(0, 2)) {
      expect(volumeMounts.filter(({ name }) => String(name).startsWith('kube-api-access'))).toEqual([])
    }
    const again = await createPod('shop', { metadata: { name: `${name}-copy` }, spec }, { dryRun: 'All' })
    expect(again.spec).toEqual(spec)
  })

  test('is refused, with what to write, for a value that it cannot read', async () => {
    const metadata = { name: 'bad', annotations: { 'weft.dev/exclude-outbound-ports': 'smtp' } }
    await expect(createPod('shop', { metadata, spec: { containers: [app] } })).rejects.toThrow(
      /inject\.weft\.dev.*weft\.dev\/exclude-outbound-ports is "smtp": write ports/,
    )
  })

  test.each(['baseline', 'restricted'])(
    'is refused where Pod Security enforces %s, and told why',
    async (level) => {
      const metadata = { name: 'web' }
      await expect(createPod(level, { metadata, spec: { containers: [app] } })).rejects.toThrow(
        `enforces the Pod Security level ${level}`,
      )
    },
  )

  test('leaves alone what says so, the host’s network, and other namespaces', async () => {
    const spec = { containers: [app] }
    const metadata = { name: 'out', annotations: { 'weft.dev/inject': 'false' } }
    const left = [
      await createPod('shop', { metadata, spec }),
      await createPod('shop', { metadata: { name: 'host' }, spec: { ...spec, hostNetwork: true } }),
      await createPod('elsewhere', { metadata: { name: 'web' }, spec }),
    ]
    for (const pod of left) expect(pod.spec.initContainers).toBeUndefined()
  })

  test('is asked about a pod that asks for it, by label or annotation, in a namespace without the label', async () => {
    const spec = { containers: [app] }
    const asks = { 'weft.dev/inject': 'true' }
    const pods = [
      await createPod('elsewhere', { metadata: { name: 'by-label', labels: asks }, spec }),
      await createPod('elsewhere', { metadata: { name: 'by-annotation', annotations: asks }, spec }),
    ]
    for (const { spec } of pods) {
      expect(spec.initContainers!.map(({ name }) => name)).toEqual(['weft-init', 'weft-proxy'])
    }
    const slip = { name: 'slip', annotations: { 'weft.dev/inject': 'yes' } }
    await expect(createPod('elsewhere', { metadata: slip, spec })).rejects.toThrow(/write "true" or "false"/)
  })

  test('tells of the pod that should be meshed and is not, once', async () => {
    const events = async () => {
      const { items } = (await operator.request({ path: '/api/v1/namespaces/shop/events' })) as {
        items: Object[]
      }
      return items.filter(({ reason }) => reason === 'NotMeshed')
    }
    await expect.poll(async () => (await events()).length, { timeout: 10_000 }).toBe(1)
    expect((await events())[0]).toMatchObject({
      involvedObject: { kind: 'Pod', name: 'early' },
      message: expect.stringContaining('restart its workload'),
    })
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    expect(text).toContain('weft_injector_unmeshed_pods{namespace="shop"} 1')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await events()).toHaveLength(1)
    const lines = records.filter(({ message }) => /should be meshed/.test(String(message)))
    expect(lines).toHaveLength(1)
  })
})
