import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type TcpPair, tcpPair } from '../testing/sockets.ts'
import { isClosedByKernel } from './original-destination.ts'
import { socketLeg } from './socket-leg.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
afterEach(() => vi.useRealTimers())

/** A leg whose peer has sent FIN; what it is told afterwards. */
async function halfClosed(pair: TcpPair): Promise<string[]> {
  const told: string[] = []
  const leg = socketLeg(pair.inner)
  leg.read({
    data: () => {},
    ended: () => void told.push('ended'),
    aborted: (cause) => void told.push(`aborted: ${cause.message}`),
    drained: () => {},
    closed: () => void told.push('closed'),
  })
  leg.resume()
  pair.outer.end()
  await once(pair.inner, 'end')
  return told
}

describe('a half-closed connection', () => {
  it('that its peer resets is aborted by the next sweep', async () => {
    using pair = await tcpPair()
    const told = await halfClosed(pair)
    pair.outer.resetAndDestroy()
    await expect.poll(() => isClosedByKernel(pair.inner)).toBe(true)
    vi.advanceTimersByTime(4_999)
    expect(told).toEqual(['ended'])
    vi.advanceTimersByTime(1)
    expect(told).toEqual(['ended', 'aborted: the peer reset the connection'])
  })

  it('that is only silent stays, for an hour and more', async () => {
    using pair = await tcpPair()
    const told = await halfClosed(pair)
    vi.advanceTimersByTime(3_600_000)
    expect(told).toEqual(['ended'])
    pair.inner.end()
    await expect.poll(() => told).toEqual(['ended', 'closed'])
  })

  it('is swept for as long as there is one, and no longer', async () => {
    using one = await tcpPair()
    using other = await tcpPair()
    await Promise.all([halfClosed(one), halfClosed(other)])
    expect(vi.getTimerCount()).toBe(1)
    one.inner.destroy()
    await once(one.inner, 'close')
    expect(vi.getTimerCount()).toBe(1)
    other.inner.destroy()
    await once(other.inner, 'close')
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a connection that is not read for now', () => {
  it('that its peer resets is aborted by the next sweep', async () => {
    using pair = await tcpPair()
    const told: string[] = []
    const leg = socketLeg(pair.inner)
    leg.read({
      data: () => {},
      ended: () => void told.push('ended'),
      aborted: (cause) => void told.push(`aborted: ${cause.message}`),
      drained: () => {},
      closed: () => void told.push('closed'),
    })
    leg.pause()
    pair.outer.resetAndDestroy()
    await expect.poll(() => isClosedByKernel(pair.inner)).toBe(true)
    vi.advanceTimersByTime(5_000)
    expect(told).toEqual(['aborted: the peer reset the connection'])
  })

  it('keeps what is unread after both have sent FIN', async () => {
    using pair = await tcpPair()
    const told: string[] = []
    const leg = socketLeg(pair.inner)
    leg.read({
      data: (bytes) => void told.push(bytes.toString()),
      ended: () => void told.push('ended'),
      aborted: (cause) => void told.push(`aborted: ${cause.message}`),
      drained: () => {},
      closed: () => void told.push('closed'),
    })
    leg.pause()
    leg.end()
    await once(pair.inner, 'finish')
    pair.outer.end('last words')
    await expect.poll(() => isClosedByKernel(pair.inner)).toBe(true)
    vi.advanceTimersByTime(5_000)
    expect(told).toEqual([])
    leg.resume()
    await expect.poll(() => told).toEqual(['last words', 'ended', 'closed'])
  })
})
