import { createPublicKey, type X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ClientReadableStream,
  credentials,
  type Server,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseIp } from '#mesh/address.ts'
import { name, signCertificate } from '../../../../../control-plane/authority/certificate.ts'
import { createKey } from '../../../../../control-plane/authority/keys.ts'
import { DestinationClient, type DestinationProfile } from '../gen/destination.ts'
import { type CertifyResponse, IdentityClient } from '../gen/identity.ts'
import { InboundServerPoliciesClient, type Server as ServerPolicy } from '../gen/inbound.ts'
import { OutboundPoliciesClient } from '../gen/outbound.ts'
import { standInServer } from './server.ts'

const directory = mkdtempSync(join(tmpdir(), 'stand-in-'))
const [leaf, issuer] = [certificate('leaf'), certificate('issuer')]
const chain = join(directory, 'chain.pem')
writeFileSync(chain, leaf.toString() + issuer.toString())

let server: Server
let address: string

beforeAll(async () => {
  server = standInServer({
    chain,
    servers: [parseIp('10.77.200.1')!, parseIp('10.77.200.2')!],
    serverName: 'server.bench',
    clientIdentity: 'spiffe://cluster.local/ns/bench/sa/client',
    httpPorts: [8080],
  })
  address = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error) reject(error)
      else resolve(`127.0.0.1:${port}`)
    })
  })
})

afterAll(() => {
  server.forceShutdown()
  rmSync(directory, { recursive: true })
})

test('certifies with the prepared leaf, its issuer beside it', async () => {
  const client = new IdentityClient(address, credentials.createInsecure())
  const answer = await new Promise<CertifyResponse>((resolve, reject) => {
    client.certify({ identity: 'server.bench' }, (error, response) => {
      if (error) reject(error)
      else resolve(response)
    })
  })
  expect(answer).toEqual({
    leafCertificate: leaf.raw,
    intermediateCertificates: [issuer.raw],
    validUntil: leaf.validToDate,
  })
  client.close()
})

describe('a profile', () => {
  test('of an ordinary port passes bytes on as they are, over the proxy’s own port', async () => {
    const profile = await profileOf('10.77.200.2:5201')
    expect(profile.opaqueProtocol).toBe(true)
    expect(profile.endpoint?.addr).toEqual({ ip: { ip: { $case: 'ipv4', value: 0x0a4dc802 } }, port: 5201 })
    expect(profile.endpoint?.protocolHint).toEqual({
      protocol: { $case: 'opaque', value: {} },
      opaqueTransport: { inboundPort: 4143 },
    })
  })

  test('of an HTTP port has it read, and carried in HTTP/2', async () => {
    const profile = await profileOf('10.77.200.1:8080')
    expect(profile.opaqueProtocol).toBe(false)
    expect(profile.endpoint?.protocolHint).toEqual({
      protocol: { $case: 'h2', value: {} },
      opaqueTransport: undefined,
    })
  })

  test('always names the certificate to expect', async () => {
    for (const path of ['10.77.200.1:8080', '10.77.200.1:6379']) {
      const { endpoint } = await profileOf(path)
      expect(endpoint?.tlsIdentity).toEqual({
        strategy: { $case: 'dnsLikeIdentity', value: { name: 'server.bench' } },
        serverName: { name: 'server.bench' },
      })
    }
  })

  test.each(['10.77.9.9:8080', 'server.bench:8080', ''])(
    'of %o, which is not meshed, is not found',
    async (path) => {
      await expect(profileOf(path)).rejects.toMatchObject({ code: status.NOT_FOUND })
    },
  )
})

test('no destination has an outbound policy', async () => {
  const client = new OutboundPoliciesClient(address, credentials.createInsecure())
  await expect(first(client.watch({}))).rejects.toMatchObject({ code: status.NOT_FOUND })
  client.close()
})

test.each([
  [8080, 'detect'],
  [6379, 'opaque'],
])('port %i is read as %s, and admits the client alone', async (port, kind) => {
  const client = new InboundServerPoliciesClient(address, credentials.createInsecure())
  const policy = await first<ServerPolicy>(client.watchPort({ port }))
  expect(policy.protocol?.kind?.$case).toBe(kind)
  expect(policy.authorizations.map(({ authentication }) => authentication?.permit?.value.clients)).toEqual([
    {
      $case: 'identities',
      value: { identities: [{ name: 'spiffe://cluster.local/ns/bench/sa/client' }] },
    },
  ])
  client.close()
})

async function profileOf(path: string): Promise<DestinationProfile> {
  const client = new DestinationClient(address, credentials.createInsecure())
  try {
    return await first<DestinationProfile>(client.getProfile({ path }))
  } finally {
    client.close()
  }
}

/** The first message of a stream that stays open. */
async function first<T>(stream: ClientReadableStream<T>): Promise<T> {
  return await new Promise((resolve, reject) => {
    stream.on('error', (error: ServiceError) => reject(error))
    stream.once('end', () => reject(new Error('the stream ended')))
    stream.once('data', (message: T) => {
      resolve(message)
      stream.cancel()
    })
  })
}

function certificate(commonName: string): X509Certificate {
  const key = createKey()
  const subject = name({ commonName })
  const times = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const fields = { subject, issuer: subject, ...times, publicKey: createPublicKey(key), extensions: [] }
  return signCertificate(fields, key)
}
