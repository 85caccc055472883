import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Signer } from '#control-plane/authority/certificate.ts'
import { exportKey } from '#control-plane/authority/keys.ts'
import { authority, wholePem } from '#control-plane/authority/plugged/testing/enterprise.ts'
import { temporaryFolder } from '#control-plane/authority/testing/temporary-folder.ts'
import { type ControlPlaneConfig, defaultRotation } from '#control-plane/config.ts'
import { runControlPlane } from '#control-plane/control-plane.ts'
import type { ApiClient } from '#control-plane/watch/kubernetes/api/client.ts'
import { createLog } from '#runtime/log.ts'
import { documentedCommands, runDocumented } from '#test/harness/documented.ts'
import { until } from '#test/harness/until.ts'
import { type ApiServer, hasApiServer, startApiServer } from './api-server/api-server.ts'
import { chartObjects, create, createNamespace, createSettings, createToken } from './api-server/manifests.ts'

// A control plane of its own on a real API server: the root of the whole suite's cluster would change otherwise.
const namespace = 'weft-system'
const secrets = `/api/v1/namespaces/${namespace}/secrets`
/** What an enterprise has, made by the commands of docs/plugged-ca.md. */
let folder: ReturnType<typeof temporaryFolder>
let root: string
let policy: Signer

let api: ApiServer
let operator: ApiClient
let replica: Replica
const records: Record<string, unknown>[] = []

interface Replica extends AsyncDisposable {
  /** Resolves once clients are served. */
  readonly serving: Promise<unknown>
}

/** A replica that may do what the chart's roles allow it, and no more. */
function startReplica(podName: string): Replica {
  const config: ControlPlaneConfig = {
    registry: { kind: 'kubernetes', podName, caSecret: 'weft-ca' },
    listen: { host: '127.0.0.1', port: 0 },
    metricsListen: { host: '127.0.0.1', port: 0 },
    certificateLifetime: 3_600_000,
    namespace,
    checkTokenAddress: true,
    rotation: defaultRotation,
    logLevel: 'debug',
  }
  const write = (line: string) => void records.push(JSON.parse(line) as Record<string, unknown>)
  const log = createLog({ component: 'control-plane', level: 'debug', write })
  const end = new AbortController()
  const started = Promise.withResolvers<unknown>()
  const running = runControlPlane(config, { log, signal: end.signal, started: started.resolve })
  // Told to end while it waits, it rejects.
  const ended = running.catch((error: unknown) => {
    if (!end.signal.aborted) throw error
  })
  return {
    serving: started.promise,
    async [Symbol.asyncDispose]() {
      end.abort()
      await ended
    },
  }
}

describe.skipIf(!hasApiServer)('a certificate authority in the Secret weft-ca', () => {
  beforeAll(async () => {
    folder = temporaryFolder()
    runDocumented(documentedCommands('plugged-ca.md', 'With openssl'), folder.path)
    root = file('root.crt')
    policy = signerOf('policy', new X509Certificate(root))
    api = await startApiServer()
    operator = api.client
    await createNamespace(operator, namespace)
    await createSettings(operator)
    const templates = [
      'crds/peerauthentications.yaml',
      'crds/authorizationpolicies.yaml',
      'control-plane/rbac.yaml',
    ]
    for (const object of templates.flatMap((template) => chartObjects(template)))
      await create(operator, object)
    const spec = { podCIDR: '127.0.0.0/24' }
    await create(operator, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-a' }, spec })
    const token = await createToken(operator, { namespace, serviceAccount: 'weft-control-plane' })
    vi.stubEnv('KUBECONFIG', api.kubeconfig(token))
    replica = startReplica('replica-1')
  }, 120_000)

  afterAll(async () => {
    await replica?.[Symbol.asyncDispose]()
    vi.unstubAllEnvs()
    await api?.[Symbol.asyncDispose]()
    folder?.[Symbol.dispose]()
    expect(records.filter((record) => JSON.stringify(record).includes('forbidden'))).toEqual([])
  }, 60_000)

  test('is waited for, and nothing is made in its place', async () => {
    await told('it is missing: create it')
    expect(await names()).toEqual([])
  })

  test('is made by the page’s own command, and its root alone is what the mesh trusts', async () => {
    kubectl(0)
    await replica.serving
    await until('the trust bundle', async () => (await trustBundle()) === root, { timeout: 30_000 })
    expect(await dataOf('weft-root')).toMatchObject({ 'tls.crt': root, 'tls.key': '' })
  })

  test('is kept as the issuer, so that it outlives what is put in its place', async () => {
    await issuerIs('Example Mesh')
    await put({ 'tls.crt': 'rubbish', 'tls.key': 'rubbish' })
    await told(
      'it is neither PEM nor PKCS #12: write the certificates and the key as PEM, or export a .p12 file',
    )
    await issuerIs('Example Mesh')
    await using another = startReplica('replica-2')
    await another.serving
  })

  test('is replaced under its root at once, as cert-manager writes it', async () => {
    const second = authority('Second', policy)
    const chain = [second, policy].map(({ certificate }) => certificate.toString()).join('')
    await put({ 'tls.crt': chain, 'tls.key': exportKey(second.privateKey), 'ca.crt': root })
    await issuerIs('Second')
    expect(await trustBundle()).toBe(root)
  })

  test('is replaced by PKCS #12, by the page’s own command', async () => {
    await operator.request({ method: 'DELETE', path: `${secrets}/weft-ca` })
    kubectl(1)
    await issuerIs('Example Mesh')
  })

  test('under another root becomes the next one, and signs nothing yet', async () => {
    const other = authority('Other', authority('Other root'))
    await put({ 'tls.crt': wholePem(other), 'tls.key': '' })
    await until('word of it', () =>
      records.some(({ message }) => String(message).startsWith('another root than')),
    )
    await issuerIs('Example Mesh')
  })

  test('that is removed stays in use', async () => {
    await operator.request({ method: 'DELETE', path: `${secrets}/weft-ca` })
    await until('word of it', () => {
      return records.filter(({ problem }) => problem === 'it is missing: create it').length >= 3
    })
    await issuerIs('Example Mesh')
  })
})

function file(name: string): string {
  return readFileSync(join(folder.path, name), 'utf8')
}

function signerOf(name: string, above: X509Certificate): Signer {
  return {
    certificate: new X509Certificate(file(`${name}.crt`)),
    privateKey: createPrivateKey(file(`${name}.key`)),
    issuers: [above],
  }
}

/** Runs a command of the page's section on Kubernetes, as an operator would. */
function kubectl(block: number): void {
  const command = documentedCommands('plugged-ca.md', 'In Kubernetes')[block]!
  runDocumented([command], folder.path, { KUBECONFIG: api.kubeconfig(api.token) })
}

async function put(data: Readonly<Record<string, string>>): Promise<void> {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'weft-ca', namespace },
    data: Object.fromEntries(encoded) as object,
  }
  if ((await names()).includes('weft-ca'))
    await operator.request({ method: 'PUT', path: `${secrets}/weft-ca`, body })
  else await operator.request({ method: 'POST', path: secrets, body })
}

async function names(): Promise<readonly string[]> {
  const { items } = (await operator.request({ path: secrets })) as {
    readonly items: readonly { readonly metadata: { readonly name: string } }[]
  }
  return items.map(({ metadata }) => metadata.name)
}

async function dataOf(name: string): Promise<Readonly<Record<string, string>>> {
  const { data } = (await operator.request({ path: `${secrets}/${name}` })) as {
    readonly data: Readonly<Record<string, string>>
  }
  const decoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()])
  return Object.fromEntries(decoded) as Record<string, string>
}

/** Waits for who signs to be that one, by what is kept for a restart. */
async function issuerIs(commonName: string): Promise<void> {
  const isKept = async () => {
    const { 'tls.crt': chain } = await dataOf('weft-issuer')
    return new X509Certificate(chain!).subject === `O=Example\nCN=${commonName}`
  }
  await until(`${commonName} to be the issuer`, isKept, { timeout: 20_000 })
}

async function trustBundle(): Promise<string | undefined> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/weft-trust-bundle`
  const { data } = (await operator.request({ path })) as { readonly data: Readonly<Record<string, string>> }
  return data['bundle.pem']
}

async function told(problem: string): Promise<void> {
  const isTold = () => records.some((record) => record['problem'] === problem)
  await until(`the log to say "${problem}"`, isTold, { timeout: 30_000 })
}
