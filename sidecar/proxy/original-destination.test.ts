import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { portOf, tcpPair } from '../testing/sockets.ts'
import {
  checkSocketOptions,
  isClosedByKernel,
  NotRedirectedError,
  originalDestination,
} from './original-destination.ts'

describe('a connection that came straight to the listener', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::', '127.0.0.1'],
    ['::', '::1'],
    ['::1', '::1'],
  ])('has no original destination: listening on %s, dialled at %s', async (host, dialled) => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, host, resolve))
    const client = connect(portOf(server), dialled)
    const [accepted] = (await once(server, 'connection')) as [Socket]
    expect(() => originalDestination(accepted)).toThrow(NotRedirectedError)
    client.destroy()
    accepted.destroy()
    server.close()
  })

  it('nor has one that is gone already', async () => {
    using pair = await tcpPair()
    pair.inner.destroy()
    expect(() => originalDestination(pair.inner)).toThrow(NotRedirectedError)
  })
})

it('the self-check passes where sockets show their descriptors', async () => {
  await checkSocketOptions()
})

describe('the kernel', () => {
  it('is asked whether a connection is still there, which Node does not tell of a half-closed one', async () => {
    using pair = await tcpPair()
    pair.inner.resume().on('error', () => {})
    expect(isClosedByKernel(pair.inner)).toBe(false)
    pair.outer.end()
    await once(pair.inner, 'end')
    expect(isClosedByKernel(pair.inner)).toBe(false)
    pair.outer.resetAndDestroy()
    await expect.poll(() => isClosedByKernel(pair.inner)).toBe(true)
    expect(pair.inner.destroyed).toBe(false)
  })

  it('is not asked about a socket that has no descriptor any more', async () => {
    using pair = await tcpPair()
    pair.inner.destroy()
    expect(isClosedByKernel(pair.inner)).toBe(false)
  })
})
