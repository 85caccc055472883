import { afterEach, describe, expect, it, vi } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { connect } from '../kubernetes/connection.ts'
import { type FakeApiServer, fakeApiServer } from '../kubernetes/testing/fake-api-server.ts'
import { type Ran, runWeft } from '../testing/run-weft.ts'
import { shopFile, shopText } from '../testing/shop.ts'
import { chooseTruth } from './choose-truth.ts'
import { answerFrom } from './cluster/answer.ts'
import { describeAnswer } from './describe.ts'
import { answersOf, asCluster, type ClusterLists, type Registry } from './testing/as-cluster.ts'

const shop = asCluster(parseYaml(shopText) as Registry)
const pods = '/api/v1/pods'
const policies = '/apis/weft.dev/v1alpha1/authorizationpolicies'

/** The lists with one object changed: each field that is given is merged into it. */
function changed(path: string, name: string, change: Readonly<Record<string, object>>): ClusterLists {
  const items = shop[path]!.map((item) => {
    const object = item as Record<string, object> & { metadata: { name: string; namespace?: string } }
    const { namespace, name: own } = object.metadata
    if ((namespace === undefined ? own : `${namespace}/${own}`) !== name) return object
    const merged = Object.entries(change).map(([key, value]) => [key, { ...object[key], ...value }])
    return { ...object, ...Object.fromEntries(merged) }
  })
  return { ...shop, [path]: items }
}

afterEach(() => vi.unstubAllEnvs())

async function ask(
  api: FakeApiServer,
  words: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  return await runWeft(['explain', ...words.split(' ')], { env: { KUBECONFIG: api.kubeconfig, ...env } })
}

/** Asks a cluster that holds these lists, from within this process. */
async function answer(question: string, lists: ClusterLists = shop, more: Record<string, unknown> = {}) {
  await using api = await fakeApiServer({ ...answersOf(lists), ...more })
  vi.stubEnv('KUBECONFIG', api.kubeconfig)
  const connection = await connect({ command: 'weft explain', context: 'fake' })
  const [source = '', destination = ''] = question.split(' ')
  return await answerFrom(
    connection,
    { context: 'fake', meshNamespace: 'weft-system', verified: false },
    { source, destination },
  )
}

async function told(...asked: Parameters<typeof answer>): Promise<string> {
  return `${describeAnswer(await answer(...asked), {})}\n`
}

describe('weft explain, on a cluster', () => {
  it('answers as on a file, in the same document', async () => {
    await using api = await fakeApiServer(answersOf(shop))
    const words = 'frontend-1 backend:80 -o json'
    const [cluster, file] = await Promise.all([
      ask(api, `${words} --context fake`),
      runWeft(['explain', ...words.split(' '), '--registry', shopFile]),
    ])
    const { notes: _, ...expected } = JSON.parse(file.stdout) as { notes: unknown }
    expect(cluster).toMatchObject({ status: 1, stderr: '' })
    expect(JSON.parse(cluster.stdout)).toMatchObject(expected)
  })

  it('is asked unasked where there is no file, and says so', async () => {
    await using api = await fakeApiServer(answersOf(shop))
    const [unasked, named] = await Promise.all([
      ask(api, 'frontend-1 10.77.0.21:8080'),
      ask(api, 'frontend-1 10.77.0.21:8080', { WEFT_REGISTRY: shopFile }),
    ])
    const stderr = 'weft explain: there is no registry file here: asking the cluster of context fake\n'
    expect(unasked).toMatchObject({ status: 0, stderr })
    expect(named).toMatchObject({ status: 0, stderr: '' })
  })

  it('reads every kind once, page by page', async () => {
    const lists = answersOf(shop) as Record<string, { items: object[] }>
    const { items } = lists[`GET ${pods}`]!
    const page = (some: object[], metadata: object) => ({ metadata, items: some })
    const more = {
      [`GET ${pods}?limit=500`]: page(items.slice(0, 3), { resourceVersion: '1', continue: 'here/&' }),
      [`GET ${pods}?limit=500&continue=here%2F%26`]: page(items.slice(3), { resourceVersion: '1' }),
    }
    await using api = await fakeApiServer({ ...lists, ...more })
    expect((await ask(api, 'frontend-1 10.77.0.21:8080 --cluster')).status).toBe(0)
    expect(api.asked).toHaveLength(Object.keys(shop).length + 3)
  })
})

describe('where the answer is looked for', () => {
  const from = { registry: 'a.yaml', registryFrom: 'default', defaultFile: 'no-such-file.yaml' }
  const kubeconfig = { KUBECONFIG: '/here' }
  it.each([
    [
      'the file that is named',
      { ...from, registryFrom: 'cli' },
      kubeconfig,
      { kind: 'file', file: 'a.yaml' },
    ],
    ['the file of the environment', { ...from, registryFrom: 'env' }, {}, { kind: 'file', file: 'a.yaml' }],
    [
      'the file that is there',
      { ...from, defaultFile: shopFile },
      kubeconfig,
      { kind: 'file', file: shopFile },
    ],
    ['the cluster, unasked', from, kubeconfig, { kind: 'cluster', unasked: true }],
    [
      'the cluster though the environment names nothing',
      { ...from, registry: '', registryFrom: 'env' },
      kubeconfig,
      { kind: 'cluster', unasked: true },
    ],
    [
      'the context that is named',
      { ...from, registryFrom: 'env', context: 'x' },
      {},
      { kind: 'cluster', unasked: false },
    ],
    ['the cluster that is asked for', { ...from, cluster: true }, {}, { kind: 'cluster', unasked: false }],
  ])('%s', (_, options, env, truth) => {
    expect(chooseTruth(options, env)).toEqual(truth)
  })

  it('is the file, which is then missing, where no kubeconfig is either', () => {
    vi.stubEnv('HOME', '/nonexistent')
    expect(chooseTruth(from, {})).toEqual({ kind: 'file', file: 'no-such-file.yaml' })
  })

  it('cannot be a file and a cluster', () => {
    expect(() => chooseTruth({ ...from, registryFrom: 'cli', context: 'x' }, {})).toThrow(
      'weft explain: --registry and --context are about different meshes: write one of them',
    )
  })
})

describe('what may not be read', () => {
  it('is named as roles name it, all at once, and there is no answer', async () => {
    const forbidden = answer('frontend-1 backend:80', shop, {
      'GET /api/v1/nodes': 403,
      'GET /apis/discovery.k8s.io/v1/endpointslices': 403,
      'GET /api/v1/namespaces/weft-system/configmaps': 403,
    })
    await expect(forbidden).rejects.toMatchObject({
      status: 2,
      message: expect.stringMatching(
        /^weft explain: you may not list endpointslices\.discovery\.k8s\.io, nodes, configmaps weft-settings of namespace weft-system, and without that/,
      ),
    })
  })

  it('is not taken for a mesh without policies where weft is not installed', async () => {
    const bare = answer('frontend-1 backend:80', shop, {
      'GET /apis/weft.dev/v1alpha1/peerauthentications': 404,
      'GET /apis/weft.dev/v1alpha1/authorizationpolicies': 404,
    })
    await expect(bare).rejects.toThrow('the cluster of context fake has no weft')
  })

  it('and settings that the control plane refuses are no answer either', async () => {
    const settings = '/api/v1/namespaces/weft-system/configmaps'
    const data = { 'settings.yaml': 'networks: [10.77.0.0/16]\negres: passthrough' }
    const lists = changed(settings, 'weft-system/weft-settings', { data })
    await expect(answer('frontend-1 backend:80', lists)).rejects.toThrow(
      /^weft explain: ConfigMap weft-settings, settings\.yaml:2:1 egres: .*\n.*the control plane refuses these settings/,
    )
  })

  it('names what the API server says otherwise', async () => {
    const failing = answer('frontend-1 backend:80', shop, { [`GET ${pods}`]: 500 })
    await expect(failing).rejects.toMatchObject({
      status: 2,
      message: 'weft explain: GET /api/v1/pods: said 500',
    })
  })
})

describe('what a pod has redirection leave alone', () => {
  const excluding = (pod: string, name: string, value: string) =>
    changed(pods, pod, {
      spec: {
        initContainers: [
          { name: 'weft-init', env: [{ name, value }] },
          { name: 'weft-proxy', restartPolicy: 'Always' },
        ],
      },
    })

  it('goes out in plaintext, and is judged like anybody from outside', async () => {
    const lists = excluding('shop/frontend-1', 'WEFT_EXCLUDE_OUTBOUND_PORTS', '25, 8080')
    const text = await told('frontend-1 10.77.0.21:8080', lists)
    await expect(text).toMatchFileSnapshot('../testdata/explain/excluded-outbound-port.txt')
    expect(await told('frontend-1 10.77.0.31:8080', lists)).toContain('is strict there')
    expect(await told('frontend-1 10.77.0.31:9100', lists)).toContain('mutual TLS')
  })

  it('goes out in plaintext to a range as well', async () => {
    const lists = excluding('shop/visitor', 'WEFT_EXCLUDE_OUTBOUND_CIDRS', '10.77.0.24/29')
    expect(await answer('visitor 10.77.0.31:9100', lists)).toMatchObject({
      verdict: 'yes',
      outcomes: [
        {
          transport: 'plaintext',
          because: expect.stringMatching(/^shop\/visitor excludes 10\.77\.0\.24\/29 from its redirection/),
        },
      ],
    })
  })

  it('is refused as plaintext from inside where the mesh says so', async () => {
    const lists = excluding('shop/visitor', 'WEFT_EXCLUDE_OUTBOUND_PORTS', '9100')
    const data = { 'settings.yaml': 'networks: [10.77.0.0/16]\nrejectPlaintextFromMesh: true' }
    const settings = [{ metadata: { name: 'weft-settings', namespace: 'weft-system' }, data }]
    const strict = { ...lists, '/api/v1/namespaces/weft-system/configmaps': settings }
    expect(await answer('visitor 10.77.0.31:9100', strict)).toMatchObject({
      verdict: 'no',
      outcomes: [{ because: expect.stringContaining('rejectPlaintextFromMesh is set') }],
    })
  })

  it('comes in past all policy, in plaintext only', async () => {
    const lists = excluding('shop/backend-1', 'WEFT_EXCLUDE_INBOUND_PORTS', '8080')
    const text = await told('198.51.100.7 10.77.0.21:8080', lists)
    await expect(text).toMatchFileSnapshot('../testdata/explain/excluded-inbound-port.txt')
    expect((await answer('report 10.77.0.21:8080', lists)).verdict).toBe('no')
  })
})

describe('what the objects say beside', () => {
  it('tells a pod that its label does not help, and one that is not ready', async () => {
    const namespaces = '/api/v1/namespaces'
    const labelled = changed(namespaces, 'shop', { metadata: { labels: { 'weft.dev/inject': 'enabled' } } })
    const { notes } = await answer('legacy backend-3:8080', labelled)
    expect(notes).toEqual([
      expect.stringContaining('shop/legacy runs outside the mesh although it should be meshed'),
      expect.stringContaining('shop/backend-3 is not ready: if that is its sidecar'),
    ])
  })

  it('tells no pod that it should be meshed which never is', async () => {
    const namespaces = '/api/v1/namespaces'
    const labels = { 'weft.dev/inject': 'enabled', 'kubernetes.io/metadata.name': 'shop' }
    const labelled = changed(namespaces, 'shop', { metadata: { labels } })
    const notesOf = async (lists: ClusterLists) =>
      (await answer('legacy 10.77.0.21:8080', lists)).notes.filter((note) => note.includes('legacy'))
    expect(await notesOf(labelled)).toHaveLength(1)

    const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
    const webhook = (...without: readonly string[]) => ({
      namespaceSelector: {
        matchExpressions: [
          { key: 'weft.dev/inject', operator: 'In', values: ['enabled'] },
          { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: without },
        ],
      },
    })
    const asking = (...without: readonly string[]) => ({
      ...labelled,
      [configurations]: [{ metadata: { name: 'weft-injector' }, webhooks: [webhook(...without)] }],
    })
    expect(await notesOf(asking('weft-system'))).toHaveLength(1)
    expect(await notesOf(asking('weft-system', 'shop'))).toEqual([])
    // Whoever may not list the webhooks has the answer all the same.
    const unseen = await answer('legacy 10.77.0.21:8080', labelled, { [`GET ${configurations}`]: 403 })
    expect(unseen.notes).toContainEqual(expect.stringContaining('shop/legacy runs outside'))

    const nodeSelector = { 'kubernetes.io/os': 'windows' }
    const windows = changed(pods, 'shop/legacy', { spec: { nodeSelector } })
    expect(await notesOf({ ...windows, [namespaces]: labelled[namespaces]! })).toEqual([])
  })

  it('knows that a pod is revoked, whatever policy says of it', async () => {
    const podUid = '0b7a91f4-8d3c-4c6e-9a51-1f2e3d4c5b6a'
    const lists = changed(pods, 'shop/frontend-1', { metadata: { uid: podUid } })
    const identity =
      '/api/v1/namespaces/weft-system/configmaps?fieldSelector=metadata.name%3Dweft-identity&limit=500'
    const data = { [`revoke.${podUid}`]: '{}' }
    const asked = {
      ...lists,
      [identity]: [{ metadata: { name: 'weft-identity', namespace: 'weft-system' }, data }],
    }
    const because = 'shop/frontend-1 is revoked, so that the other end takes no certificate of it'
    const changes = ['lift it: weft identity revoke frontend-1 -n shop --undo --context fake']
    expect(await answer('frontend-1 10.77.0.21:8080', asked)).toMatchObject({
      verdict: 'no',
      outcomes: [{ allowed: false, because, changes }],
    })
    expect(await answer('backend-2 10.77.0.11:8080', asked)).toMatchObject({
      outcomes: [{ because, changes }],
    })
    // In plaintext nobody asks for its certificate.
    expect(await answer('frontend-1 db:5432', asked)).toMatchObject({ verdict: 'yes' })
  })

  it('tells which endpoints a service waits for', async () => {
    const { notes } = await answer('frontend-1 cart:80')
    expect(notes).toContain('endpoints of shop/cart are not ready yet: shop/cart')
  })

  it('tells which endpoints of a service nobody is led to', async () => {
    const slices = '/apis/discovery.k8s.io/v1/endpointslices'
    const endpoints = [{ addresses: ['10.77.9.9'] }]
    const lists = { ...shop, [slices]: shop[slices]!.map((slice) => ({ ...slice, endpoints })) }
    const { verdict, notes } = await answer('frontend-1 cart:80', lists)
    expect(verdict).toBe('no')
    expect(notes).toContainEqual(
      expect.stringMatching(
        /^endpoints of shop\/cart are left out, because .* no pod has them: 10\.77\.9\.9; if none/,
      ),
    )
  })

  const refused = (message: string, observedGeneration = 2) =>
    changed(policies, 'shop/backend', {
      metadata: { generation: 2 },
      spec: { action: 'Audit' },
      status: { conditions: [{ type: 'Accepted', status: 'False', message, observedGeneration }] },
    })

  it('tells that a refused policy closes what it selects', async () => {
    const lists = refused('spec.action must be; what it selects is closed until it is mended')
    const text = await told('frontend-1 10.77.0.21:8080', lists)
    await expect(text).toMatchFileSnapshot('../testdata/explain/refused-policy.txt')
  })

  it.each([
    ['it is refused and the version before stays in force', refused('…; the version before stays in force')],
    ['it is refused, and no status says what holds in its place', refused('…', 1)],
  ])('gives no answer where %s, and nobody but a sidecar knows it', async (why, lists) => {
    await expect(answer('frontend-1 10.77.0.21:8080', lists)).rejects.toThrow(
      `this cannot be answered without --verify: of AuthorizationPolicy shop/backend ${why}`,
    )
    // It has no say elsewhere.
    expect((await answer('frontend-1 catalog.office:80', lists)).verdict).toBe('yes')
  })

  it('tells that a change has not been taken up yet', async () => {
    const newer = changed(policies, 'shop/backend', { metadata: { generation: 2 } })
    const { verdict, notes } = await answer('frontend-1 10.77.0.21:8080', newer)
    expect(verdict).toBe('yes')
    expect(notes).toEqual([
      'the control plane has not said yet that AuthorizationPolicy shop/backend is in force as it is written now',
    ])
  })
})
