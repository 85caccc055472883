import { rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { authorityClient } from '#sidecar/credentials/authority-client.ts'
import { channelTo, fakeControlPlane } from '#sidecar/testing/control-plane.ts'
import { TestPki } from '#sidecar/testing/pki.ts'
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

describe('a file that is not there', () => {
  it('is named: the token', async () => {
    using files = channelTo(1, pki)
    rmSync(files.token)
    await expect(files.channel.metadata()).rejects.toThrow(`the token file ${files.token} cannot be read`)
  })

  it('is named: the bundle', async () => {
    using files = channelTo(1, pki)
    rmSync(files.trustBundle)
    await expect(files.channel.metadata()).rejects.toThrow(
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
      const error = await files.channel.metadata().then(
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
