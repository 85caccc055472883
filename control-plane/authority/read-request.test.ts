import { ServerCredentials, type sendUnaryData, status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { IstioCertificateResponse } from '#proto/istio/v1/auth/ca.ts'
import { createGrpcServer } from '../grpc-server.ts'
import { closeOnceAnswered } from '../http2-stream.ts'
import { certificateServiceDefinition } from './certificate-service.ts'
import { type CertificateCall, RequestReader } from './read-request.ts'
import { type TestAuthority, testAuthority } from './testing/authority.ts'
import { framed, RawClient } from './testing/raw-client.ts'

let mesh: TestAuthority
beforeAll(async () => {
  mesh = await testAuthority({ now: Date.now() })
})
afterAll(() => mesh[Symbol.dispose]())

/** A server that answers OK once it has read, for pods that are named by their token. */
async function reading({ limit = 5_000 }) {
  const reader = new RequestReader(limit)
  const read: string[] = []
  const server = createGrpcServer()
  const createCertificate = async (
    call: CertificateCall,
    callback: sendUnaryData<IstioCertificateResponse>,
  ) => {
    closeOnceAnswered(call)
    const { kind } = await reader.read(call, String(call.metadata.get('authorization')[0]))
    read.push(kind)
    if (kind === 'read') callback(null, { certChain: [] })
    else callback({ code: status.DEADLINE_EXCEEDED, details: kind })
  }
  server.addService(certificateServiceDefinition, {
    createCertificate: (call: CertificateCall, callback: sendUnaryData<IstioCertificateResponse>) =>
      void createCertificate(call, callback),
  })
  const { chain, privateKey } = mesh.authority.serving.current
  const keyPair = { cert_chain: Buffer.from(chain), private_key: Buffer.from(privateKey) }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createSsl(null, [keyPair]), (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  const servername = 'weft-control-plane.weft-system.svc'
  const client = new RawClient({ port, ca: mesh.authority.trustBundle.current, servername })
  return {
    client,
    read,
    [Symbol.dispose]: () => {
      client[Symbol.dispose]()
      server.forceShutdown()
    },
  }
}

test('a request that is not whole in time ends, whatever of it has come', async () => {
  using served = await reading({ limit: 200 })
  const call = served.client.call('pod')
  const whole = framed(Buffer.alloc(1_000), {})
  call.write(whole.subarray(0, 500))
  await served.client.settled()
  call.write(whole.subarray(500, 600))
  expect(await call.status).toBe(status.DEADLINE_EXCEEDED)
  await call.closed
  expect(served.read).toEqual(['too_slow'])
})

test('one pod has four requests read at once: the fifth waits, and another pod does not', async () => {
  using served = await reading({})
  const { client, read } = served
  const slow = Array.from({ length: 4 }, () => client.call('pod'))
  for (const call of slow) call.write(framed(Buffer.alloc(10), { announced: 100 }))
  await client.settled()
  const fifth = client.call('pod')
  fifth.write(framed(Buffer.alloc(100), {}))
  const other = client.call('other')
  other.write(framed(Buffer.alloc(100), {}))
  expect(await other.status).toBe(status.OK)
  await client.settled()
  expect(read).toEqual(['read'])
  slow[0]!.reset()
  expect(await fifth.status).toBe(status.OK)
  expect(read.sort()).toEqual(['missing', 'read', 'read'])
})

test('who waits has no more time than who is read', async () => {
  using served = await reading({ limit: 300 })
  const calls = Array.from({ length: 12 }, () => served.client.call('pod'))
  for (const call of calls) call.write(framed(Buffer.alloc(10), { announced: 100 }))
  for (const call of calls) expect(await call.status).toBe(status.DEADLINE_EXCEEDED)
  expect(served.read).toEqual(calls.map(() => 'too_slow'))
})
