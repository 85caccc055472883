import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { formatFlatDocument } from '#mesh/flat-document.ts'
import {
  identityRequestsFile,
  identityStatusFile,
  parseRevocationStatus,
  revocationEntry,
  revocationStatusKey,
} from '#mesh/identity-requests.ts'
import { type IstioCertificateResponse, IstioCertificateServiceClient } from '#proto/istio/v1/auth/ca.ts'
import { silentLog } from '#runtime/log.ts'
import { registry } from './authority/testing/authority.ts'
import { makeCsr } from './authority/testing/csr.ts'
import { temporaryFolder } from './authority/testing/temporary-folder.ts'
import { defaultRotation } from './config.ts'
import { runControlPlane } from './control-plane.ts'
import { typeUrls } from './model/type-urls.ts'
import { DiscoveryClient } from './push/testing/grpc-client.ts'
import { revokedSerials } from './push/testing/revoked-serials.ts'

const serverName = 'weft-control-plane.weft-system.svc'
const at = Date.UTC(2026, 10, 28, 12)
// Both run as the same service account.
const mesh = `
mesh: { networks: [127.0.0.0/8] }
workloads:
  - { name: backend-1, namespace: shop, serviceAccount: backend, addresses: [127.0.0.1] }
  - { name: backend-2, namespace: shop, serviceAccount: backend, addresses: [127.0.0.2] }
`

let folder: ReturnType<typeof temporaryFolder>
let stateDir: string
let running: { readonly port: number; stop(): Promise<void> } | undefined
beforeEach(() => {
  folder = temporaryFolder()
  stateDir = join(folder.path, 'state')
  writeFileSync(join(folder.path, 'mesh.yaml'), mesh)
})
afterEach(async () => {
  await running?.stop()
  folder[Symbol.dispose]()
})

async function start(): Promise<void> {
  await running?.stop()
  const end = new AbortController()
  const started = Promise.withResolvers<number>()
  const ended = runControlPlane(
    {
      registry: { kind: 'file', file: join(folder.path, 'mesh.yaml'), stateDir },
      listen: { host: '127.0.0.1', port: 0 },
      metricsListen: { host: '127.0.0.1', port: 0 },
      certificateLifetime: 3_600_000,
      namespace: 'weft-system',
      checkTokenAddress: false,
      rotation: defaultRotation,
      logLevel: 'info',
    },
    { log: silentLog, signal: end.signal, started: ({ grpc }) => started.resolve(grpc) },
  )
  const port = await Promise.race([started.promise, ended.then(() => Promise.reject(new Error('it ended')))])
  const stop = async () => {
    end.abort()
    await ended
  }
  running = { port, stop }
}

const token = (pod: string) => readFileSync(join(stateDir, 'tokens/shop', pod), 'utf8')
const roots = () => credentials.createSsl(readFileSync(join(stateDir, 'trust-bundle.pem')))

function discovery(pod: string): DiscoveryClient {
  return new DiscoveryClient({ port: running!.port, serverName, credentials: roots(), token: token(pod) })
}

/** The serial of a new certificate. */
async function issue(pod: string): Promise<string> {
  const name = { 'grpc.ssl_target_name_override': serverName }
  const client = new IstioCertificateServiceClient(`127.0.0.1:${running!.port}`, roots(), name)
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token(pod)}`)
  const request = { csr: makeCsr(), validityDuration: 0, metadata: undefined }
  try {
    const { certChain } = await new Promise<IstioCertificateResponse>((resolve, reject) => {
      client.createCertificate(request, metadata, (error: ServiceError | null, response) =>
        error ? reject(error) : resolve(response),
      )
    })
    return new X509Certificate(certChain[0]!).serialNumber
  } finally {
    client.close()
  }
}

function podUid(name: string): string {
  return registry(mesh).workloads.find((workload) => workload.name === name)!.podUid
}

async function request(...entries: readonly (readonly [string, string])[]): Promise<void> {
  const file = join(stateDir, identityRequestsFile)
  await writeFile(`${file}.new`, formatFlatDocument(Object.fromEntries(entries)))
  await rename(`${file}.new`, file)
}

const revoke = (pod: string) =>
  request(revocationEntry({ podUid: podUid(pod), namespace: 'shop', pod, at, reason: 'stolen' }))

async function statusOf(pod: string) {
  const text = await readFile(join(stateDir, identityStatusFile), 'utf8').catch(() => '{}')
  const value = (JSON.parse(text) as Record<string, string>)[revocationStatusKey(podUid(pod))]
  return value === undefined ? undefined : parseRevocationStatus(value)
}

describe('a pod that is revoked', () => {
  test('loses its stream at once, and its certificates to everybody’s list', async () => {
    await start()
    const serials = [await issue('backend-1'), await issue('backend-1')].toSorted()
    await issue('backend-2')
    using victim = discovery('backend-1')
    using sibling = discovery('backend-2')
    for (const client of [victim, sibling]) {
      client.send({ typeUrl: typeUrls.secret })
      expect(revokedSerials(await client.accept())).toEqual([])
    }
    await revoke('backend-1')
    expect(await victim.ended).toMatchObject({ code: status.UNAUTHENTICATED, details: 'this pod is revoked' })
    expect(revokedSerials(await sibling.accept()).toSorted()).toEqual(serials)
    await expect.poll(() => statusOf('backend-1')).toEqual({ at, serials: 2 })
  })

  test('gets no certificate and no stream any more; its siblings do', async () => {
    await start()
    await issue('backend-1')
    await revoke('backend-1')
    await expect.poll(() => statusOf('backend-1')).toBeDefined()
    await expect(issue('backend-1')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
    using stream = discovery('backend-1')
    expect((await stream.ended)?.code).toBe(status.UNAUTHENTICATED)
    expect(await issue('backend-2')).toMatch(/^[0-9A-F]+$/)
  })

  test('is revoked before anybody is served by the next control plane', async () => {
    await start()
    const serial = await issue('backend-1')
    await running?.stop()
    running = undefined
    await revoke('backend-1')
    await start()
    using sibling = discovery('backend-2')
    sibling.send({ typeUrl: typeUrls.secret })
    expect(revokedSerials(await sibling.accept())).toEqual([serial])
    await expect(issue('backend-1')).rejects.toMatchObject({ code: status.UNAUTHENTICATED })
  })

  test('is welcome again when that is taken back', async () => {
    await start()
    await issue('backend-1')
    using sibling = discovery('backend-2')
    sibling.send({ typeUrl: typeUrls.secret })
    expect(revokedSerials(await sibling.accept())).toEqual([])
    await revoke('backend-1')
    expect(revokedSerials(await sibling.accept())).toHaveLength(1)
    await request()
    expect(revokedSerials(await sibling.accept())).toEqual([])
    await issue('backend-1')
    await expect.poll(() => statusOf('backend-1')).toBeUndefined()
  })
})
