import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { IstioCertificateServiceClient } from '#proto/istio/v1/auth/ca.ts'
import { channelTo, fakeControlPlane } from '#sidecar/testing/control-plane.ts'
import { TestPki } from '#sidecar/testing/pki.ts'
import { authorityClient } from './authority-client.ts'
import { ControlChannel } from './control-channel.ts'

const pki = new TestPki()

describe('a call to the control plane', () => {
  it('carries the token that the file holds at that moment', async () => {
    await using plane = await fakeControlPlane(pki, { certChain: ['LEAF', 'ISSUER'] })
    using files = channelTo(plane.port, pki)
    const sign = authorityClient(files.channel)
    expect(await sign('CSR')).toEqual(['LEAF', 'ISSUER'])
    writeFileSync(files.token, 'token-two')
    await sign('CSR')
    expect(plane.certificateRequests.map(({ token }) => token)).toEqual([
      'Bearer token-one',
      'Bearer token-two',
    ])
    expect(plane.certificateRequests[0]?.request.csr).toBe('CSR')
  })

  it.each<[string, (port: number) => Promise<unknown>]>([
    ['another root', async (port) => callAs(port, new TestPki())],
    ['no root at all in its bundle', async (port) => callAs(port, 'no PEM here')],
    [
      'half a root in its bundle',
      async (port) => callAs(port, pki.root.certificate.toString().slice(0, 300)),
    ],
    ['an empty bundle', async (port) => callAs(port, '')],
  ])('never reaches one that it cannot verify, and the token stays here: %s', async (_, call) => {
    await using plane = await fakeControlPlane(pki)
    await expect(call(plane.port)).rejects.toThrow()
    expect(plane.certificateRequests).toEqual([])
  })

  it('never reaches one of another name, and the token stays here', async () => {
    await using plane = await fakeControlPlane(pki, { name: 'evil.weft-system.svc' })
    await expect(callAs(plane.port, pki)).rejects.toThrow()
    expect(plane.certificateRequests).toEqual([])
  })

  it('trusts by the bundle as the file holds it now', async () => {
    const next = new TestPki()
    await using plane = await fakeControlPlane(next, { certChain: ['LEAF'] })
    using files = channelTo(plane.port, pki)
    const sign = authorityClient(files.channel)
    await expect(sign('CSR')).rejects.toThrow()
    files.trust(next)
    await expect
      .poll(() => sign('CSR').catch((error: Error) => error.message), { timeout: 10_000, interval: 100 })
      .toEqual(['LEAF'])
  })
})

describe('a connection', () => {
  it('is one for whatever is asked at the same time, and later', async () => {
    await using plane = await fakeControlPlane(pki, { certChain: ['LEAF'] })
    await using door = await doorTo(plane.port, [])
    using files = channelTo(door.port, pki)
    const sign = authorityClient(files.channel)
    await Promise.all([sign('A'), sign('B')])
    await sign('C')
    expect(plane.certificateRequests.map(({ request }) => request.csr).toSorted()).toEqual(['A', 'B', 'C'])
    expect(door.connections).toBe(1)
  })

  it('that does not come about is left for another one', async () => {
    await using plane = await fakeControlPlane(pki, { certChain: ['LEAF'] })
    await using door = await doorTo(plane.port, ['silent'])
    using files = channelTo(door.port, pki, 200)
    const sign = authorityClient(files.channel)
    await expect(sign('CSR')).rejects.toThrow(/^no connection to .+ within 0.2 s$/)
    expect(await sign('CSR')).toEqual(['LEAF'])
  })

  it('that does not come about after one that was refused is left too', async () => {
    // What failed once is told again and again by grpc-js, while it waits for a dial that nobody answers.
    await using plane = await fakeControlPlane(pki, { certChain: ['LEAF'] })
    await using door = await doorTo(plane.port, ['refused', 'silent', 'silent'])
    using files = channelTo(door.port, pki, 200)
    const sign = authorityClient(files.channel)
    await expect(sign('CSR')).rejects.toMatchObject({ code: status.UNAVAILABLE })
    const began = performance.now()
    await expect
      .poll(() => sign('CSR').catch((error: Error) => error.message), { timeout: 5_000, interval: 20 })
      .toEqual(['LEAF'])
    expect(performance.now() - began).toBeLessThan(3_000)
  })

  it('that was lost is made again at once', async () => {
    await using plane = await fakeControlPlane(pki, { certChain: ['LEAF'] })
    await using door = await doorTo(plane.port, [])
    using files = channelTo(door.port, pki)
    const sign = authorityClient(files.channel)
    await sign('CSR')
    door.cut()
    await expect.poll(() => sign('CSR').catch((error: Error) => error.message)).toEqual(['LEAF'])
    expect(door.connections).toBe(2)
  })

  it('is given up when the process ends, also while it is being made', async () => {
    await using door = await doorTo(1, ['silent'])
    using files = channelTo(door.port, pki)
    const failed = expect(authorityClient(files.channel)('CSR')).rejects.toThrow()
    await expect.poll(() => door.connections).toBe(1)
    files.channel.close()
    await failed
  })
})

describe('a file that is not there', () => {
  it('is named: the token', async () => {
    using files = channelTo(1, pki)
    rmSync(files.token)
    await expect(files.channel.open(IstioCertificateServiceClient)).rejects.toThrow(
      `the token file ${files.token} cannot be read`,
    )
  })

  it('is named: the bundle', async () => {
    using files = channelTo(1, pki)
    rmSync(files.trustBundle)
    await expect(files.channel.open(IstioCertificateServiceClient)).rejects.toThrow(
      `the trust bundle ${files.trustBundle} cannot be read`,
    )
  })
})

describe('a token file that holds no token', () => {
  it.each(['', '\n', 'two\ntokens', 'secret\u0000', 'sécret', 'two words'])(
    'is named, and not quoted: %j',
    async (text) => {
      using files = channelTo(1, pki)
      writeFileSync(files.token, text)
      const error = await files.channel.open(IstioCertificateServiceClient).then(
        () => new Error('it was taken'),
        (error: Error) => error,
      )
      expect(error.message).toContain(`the token file ${files.token}`)
      const told = `${error.message} ${String(error.cause)}`
      for (const word of ['two', 'secret', 'sécret']) expect(told).not.toContain(word)
    },
  )
})

it('an IPv6 control plane is dialled in brackets', () => {
  const options = { controlPlaneName: 'x', trustBundle: '/none', token: '/none' }
  expect(new ControlChannel({ ...options, controlPlane: { host: '::1', port: 1 } }).target).toBe('[::1]:1')
  expect(new ControlChannel({ ...options, controlPlane: { host: 'a.b', port: 1 } }).target).toBe('a.b:1')
})

async function callAs(port: number, roots: TestPki | string): Promise<unknown> {
  using files = channelTo(port, pki)
  files.trust(roots)
  return await authorityClient(files.channel)('CSR')
}

/** What becomes of a connection: nobody says anything, or it is reset; those after the listed ones are led on. */
type Fate = 'silent' | 'refused'

/** The address of a Service, which leads connections where it likes. */
async function doorTo(port: number, fates: Fate[]) {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    const fate = fates[connections]
    connections += 1
    if (fate === 'refused') socket.resetAndDestroy()
    else if (fate === undefined) pipeline(socket, connect(port, '127.0.0.1'), socket).catch(() => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections
    },
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      server.close()
      await Promise.resolve()
    },
  }
}
