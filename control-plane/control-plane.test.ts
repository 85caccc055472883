import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { credentials, Metadata, status } from '@grpc/grpc-js'
import { describe, expect, test } from 'vitest'
import type { Resource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { type IstioCertificateResponse, IstioCertificateServiceClient } from '#proto/istio/v1/auth/ca.ts'
import { Address } from '#proto/istio/workload/workload.ts'
import { silentLog } from '#runtime/log.ts'
import { ecKeys, makeCsr } from './authority/testing/csr.ts'
import { temporaryFolder } from './authority/testing/temporary-folder.ts'
import { type ControlPlaneConfig, defaultRotation } from './config.ts'
import { type ControlPlanePorts, runControlPlane } from './control-plane.ts'
import { typeUrls } from './model/type-urls.ts'
import { DiscoveryClient } from './push/testing/grpc-client.ts'

const serverName = 'weft-control-plane.weft-system.svc'

const oneWorkload = `
mesh:
  networks: [127.0.0.0/8]
workloads:
  - { name: backend-1, namespace: shop, serviceAccount: backend, addresses: [127.0.0.1], labels: { app: backend } }
`
const withPolicy = `${oneWorkload}
policies:
  - { kind: AuthorizationPolicy, name: backend, namespace: shop, selector: { app: backend } }
`

interface Running extends AsyncDisposable {
  readonly ports: ControlPlanePorts
  readonly stateDir: string
  write(registry: string): void
  discovery(token?: string): DiscoveryClient
  token(pod: string): string
  get(path: string): Promise<Response>
}

/** A whole control plane on loopback ports, from configuration to files. */
async function start(registry: string): Promise<Running> {
  const folder = temporaryFolder()
  const file = join(folder.path, 'registry.yaml')
  const stateDir = join(folder.path, 'state')
  const write = (text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  write(registry)
  const config: ControlPlaneConfig = {
    registry: { kind: 'file', file, stateDir },
    listen: { host: '127.0.0.1', port: 0 },
    metricsListen: { host: '127.0.0.1', port: 0 },
    certificateLifetime: 3_600_000,
    namespace: 'weft-system',
    checkTokenAddress: true,
    rotation: defaultRotation,
    logLevel: 'info',
  }
  const end = new AbortController()
  const started = Promise.withResolvers<ControlPlanePorts>()
  const running = runControlPlane(config, { log: silentLog, signal: end.signal, started: started.resolve })
  const ports = await Promise.race([
    started.promise,
    running.then(() => Promise.reject(new Error('it ended'))),
  ])
  const token = (pod: string) => readFileSync(join(stateDir, 'tokens', pod), 'utf8')
  return {
    ports,
    stateDir,
    write,
    token,
    discovery: (bearer = token('shop/backend-1')) =>
      new DiscoveryClient({
        port: ports.grpc,
        serverName,
        credentials: credentials.createSsl(readFileSync(join(stateDir, 'trust-bundle.pem'))),
        token: bearer,
      }),
    get: (path) => fetch(`http://127.0.0.1:${ports.metrics}${path}`),
    async [Symbol.asyncDispose]() {
      end.abort()
      await running
      folder[Symbol.dispose]()
    },
  }
}

describe('the control plane', () => {
  test('pushes what the registry says, and each change of it in its order', async () => {
    await using running = await start(oneWorkload)
    using client = running.discovery()
    for (const typeUrl of [typeUrls.authorization, typeUrls.address]) client.send({ typeUrl })
    expect(await client.accept()).toMatchObject({ typeUrl: typeUrls.authorization, resources: [] })
    expect((await client.accept()).resources.map(policiesNamed)).toEqual([[]])
    running.write(withPolicy)
    expect((await client.accept()).resources.map(({ name }) => name)).toEqual(['shop/backend'])
    expect((await client.accept()).resources.map(policiesNamed)).toEqual([['shop/backend']])
  })

  test('keeps what it published when the registry file is bad, and says so in a metric', async () => {
    await using running = await start(oneWorkload)
    using client = running.discovery()
    client.send({ typeUrl: typeUrls.address })
    await client.accept()
    running.write('workloads: [')
    await until(async () => (await metrics(running)).includes('weft_registry_rejected 1'))
    running.write(oneWorkload.replace('mesh:', 'mesh:\n  trustDomain: other.example'))
    await until(async () => (await metrics(running)).includes('weft_models_refused_total 1'))
    client.send({ typeUrl: typeUrls.address, resourceNamesSubscribe: ['/127.0.0.1'] })
    expect((await client.accept()).resources).toHaveLength(1)
  })

  test('issues certificates to the caller that the token proves', async () => {
    await using running = await start(oneWorkload)
    const roots = credentials.createSsl(readFileSync(join(running.stateDir, 'trust-bundle.pem')))
    const name = { 'grpc.ssl_target_name_override': serverName }
    const client = new IstioCertificateServiceClient(`127.0.0.1:${running.ports.grpc}`, roots, name)
    const metadata = new Metadata()
    metadata.set('authorization', `Bearer ${running.token('shop/backend-1')}`)
    const request = { csr: makeCsr({ keys: ecKeys() }), validityDuration: 0, metadata: undefined }
    const { certChain } = await new Promise<IstioCertificateResponse>((resolve, reject) => {
      client.createCertificate(request, metadata, (error, response) =>
        error ? reject(error) : resolve(response),
      )
    })
    client.close()
    expect(certChain).toHaveLength(3)
    expect(await metrics(running)).toContain('weft_certificates_issued_total 1')
  })

  test('refuses whoever has no good token', async () => {
    await using running = await start(oneWorkload)
    using none = running.discovery('')
    expect((await none.ended)?.code).toBe(status.UNAUTHENTICATED)
    using forged = running.discovery(`${running.token('shop/backend-1').slice(0, -4)}AAAA`)
    expect((await forged.ended)?.code).toBe(status.UNAUTHENTICATED)
  })

  test('ends the stream of a pod that the registry drops, and takes its token back', async () => {
    await using running = await start(oneWorkload)
    const token = running.token('shop/backend-1')
    using client = running.discovery(token)
    client.send({ typeUrl: typeUrls.address })
    await client.accept()
    running.write('mesh:\n  networks: [127.0.0.0/8]\n')
    expect((await client.ended)?.code).toBe(status.UNAUTHENTICATED)
    using again = running.discovery(token)
    expect((await again.ended)?.code).toBe(status.UNAUTHENTICATED)
    await until(() => Promise.resolve(!existsSync(join(running.stateDir, 'tokens/shop/backend-1'))))
  })

  test('ends open streams with UNAVAILABLE when it is told to end', async () => {
    const running = await start(oneWorkload)
    using client = running.discovery()
    client.send({ typeUrl: typeUrls.address })
    await client.accept()
    await running[Symbol.asyncDispose]()
    expect((await client.ended)?.code).toBe(status.UNAVAILABLE)
  })

  test('after a restart resends nothing that a client knows', async () => {
    const before = await start(oneWorkload)
    using first = before.discovery()
    first.send({ typeUrl: typeUrls.address })
    const known = new Map((await first.accept()).resources.map(({ name, version }) => [name, version]))
    await before[Symbol.asyncDispose]()
    await using after = await start(oneWorkload)
    using second = after.discovery()
    second.send({ typeUrl: typeUrls.address, initialResourceVersions: known })
    expect(await second.accept()).toMatchObject({ resources: [], removedResources: [] })
  })

  test('is ready once clients are served', async () => {
    await using running = await start(oneWorkload)
    expect((await running.get('/ready')).status).toBe(200)
  })
})

function policiesNamed({ resource }: Resource): string[] {
  const address = Address.decode(resource!.value).type
  return address?.$case === 'workload' ? address.value.authorizationPolicies : []
}

async function metrics(running: Running): Promise<string> {
  return (await running.get('/metrics')).text()
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('it never came to hold')
}
