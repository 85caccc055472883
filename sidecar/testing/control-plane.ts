import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
import { expect } from 'vitest'
import { temporaryFolder } from '#control-plane/authority/testing/temporary-folder.ts'
import {
  type AggregatedDiscoveryServiceServer,
  AggregatedDiscoveryServiceService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type Resource,
} from '#proto/envoy/service/discovery/v3/discovery.ts'
import {
  type IstioCertificateRequest,
  type IstioCertificateServiceServer,
  IstioCertificateServiceService,
} from '#proto/istio/v1/auth/ca.ts'
import { ControlChannel } from '#runtime/control-channel.ts'
import { dns, type TestPki } from './pki.ts'

export const controlPlaneName = 'weft-control-plane.weft-system.svc'

/** One discovery stream as the control plane sees it. */
export interface ServedStream {
  readonly token: unknown
  readonly requests: DeltaDiscoveryRequest[]
  readonly call: ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>
  /** The first request that the condition holds for, as soon as it is there. */
  request(condition: (request: DeltaDiscoveryRequest) => boolean): Promise<DeltaDiscoveryRequest>
  send(typeUrl: string, resources: readonly Resource[], removed?: readonly string[]): void
}

export interface FakeControlPlane extends AsyncDisposable {
  readonly port: number
  readonly streams: ServedStream[]
  /** The n-th stream, counted from 0, as soon as it is there. */
  stream(n?: number): Promise<ServedStream>
  readonly certificateRequests: { readonly token: unknown; readonly request: IstioCertificateRequest }[]
}

/** A control plane that says only what the test says, over TLS with a certificate of this authority. */
export async function fakeControlPlane(
  pki: TestPki,
  { name = controlPlaneName, certChain = [] as readonly string[], sign = noSignature, port = 0 } = {},
): Promise<FakeControlPlane> {
  const streams: ServedStream[] = []
  const certificateRequests: FakeControlPlane['certificateRequests'] = []
  const server = new Server()
  const discovery: AggregatedDiscoveryServiceServer = {
    deltaAggregatedResources: (call) => void streams.push(servedStream(call)),
  }
  const authority: IstioCertificateServiceServer = {
    createCertificate: (call, answer) => {
      certificateRequests.push({ token: call.metadata.get('authorization')[0], request: call.request })
      answer(null, { certChain: [...(sign(call.request.csr) ?? certChain)] })
    },
  }
  server.addService(AggregatedDiscoveryServiceService, discovery)
  server.addService(IstioCertificateServiceService, authority)
  const { key, chain } = pki.leaf({ names: [dns(name)] })
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(chain.slice(0, 2).join('')) }
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createSsl(null, [pair]), (error, port) =>
      error ? reject(error) : resolve(port),
    )
  })
  return {
    port: bound,
    streams,
    certificateRequests,
    async stream(n = 0) {
      await expect.poll(() => streams.length, { interval: 5, timeout: 5_000 }).toBeGreaterThan(n)
      return streams[n]!
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown()
      await Promise.resolve()
    },
  }
}

/** Answers with the fixed chain. */
function noSignature(_csr: string): readonly string[] | undefined {
  return undefined
}

/** The files that a sidecar reads, and the channel over them. */
export function channelTo(port: number, pki: TestPki, connectLimit?: number, lookInterval?: number) {
  const folder = temporaryFolder()
  const [trustBundle, token] = [join(folder.path, 'bundle.pem'), join(folder.path, 'token')]
  const write = (roots: TestPki | string): void => {
    // Replaced whole, as whoever keeps such a file does it.
    writeFileSync(`${trustBundle}.new`, typeof roots === 'string' ? roots : roots.root.certificate.toString())
    renameSync(`${trustBundle}.new`, trustBundle)
  }
  write(pki)
  writeFileSync(token, 'token-one\n')
  const controlPlane = { host: '127.0.0.1', port }
  const options = {
    controlPlane,
    controlPlaneName,
    trustBundle,
    token,
    ...(connectLimit && { connectLimit }),
    ...(lookInterval && { lookInterval }),
  }
  return {
    channel: new ControlChannel(options),
    trustBundle,
    token,
    trust: write,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

function servedStream(call: ServedStream['call']): ServedStream {
  const requests: DeltaDiscoveryRequest[] = []
  let nonce = 0
  call.on('data', (request: DeltaDiscoveryRequest) => void requests.push(request))
  call.on('error', () => {})
  call.on('end', () => call.end())
  return {
    token: call.metadata.get('authorization')[0],
    requests,
    call,
    async request(condition) {
      await expect.poll(() => requests.some(condition), { interval: 5, timeout: 5_000 }).toBe(true)
      return requests.find(condition)!
    },
    send(typeUrl, resources, removed = []) {
      nonce += 1
      call.write({
        typeUrl,
        nonce: `${nonce}`,
        resources: [...resources],
        removedResources: [...removed],
        systemVersionInfo: '',
      })
    },
  }
}
