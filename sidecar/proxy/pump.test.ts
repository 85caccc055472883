import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { until } from '#test/harness/until.ts'
import { noise, type TcpPair, tcpPair, watched } from '../testing/sockets.ts'
import { type Carried, pump, type TransferOutcome } from './pump.ts'
import { socketLeg } from './socket-leg.ts'

interface Transfer extends Disposable {
  readonly near: TcpPair
  readonly far: TcpPair
  readonly carried: Carried
  readonly outcome: Promise<TransferOutcome>
  readonly abort: AbortController
  /** Whether the transfer is over. */
  readonly over: () => boolean
}

/** client = near.outer <-> near.inner, pumped, far.inner <-> far.outer = server */
async function transfer(): Promise<Transfer> {
  const [near, far] = await Promise.all([tcpPair(), tcpPair()])
  const carried = { sent: 0, received: 0 }
  const abort = new AbortController()
  const outcome = pump(socketLeg(near.inner), socketLeg(far.inner), { signal: abort.signal, carried })
  let over = false
  void outcome.then(() => {
    over = true
  })
  const dispose = (): void => {
    near[Symbol.dispose]()
    far[Symbol.dispose]()
  }
  return { near, far, carried, outcome, abort, over: () => over, [Symbol.dispose]: dispose }
}

describe('FIN', () => {
  it('of the client reaches the server alone, which may answer as long as it likes', async () => {
    using transferred = await transfer()
    const [client, server] = [watched(transferred.near.outer), watched(transferred.far.outer)]
    transferred.near.outer.end('question')
    expect(await server.end).toBe('fin')
    expect(server.text).toBe('question')
    for (const part of ['an', 'sw', 'er']) {
      transferred.far.outer.write(part)
      await delay(10)
    }
    expect(transferred.over()).toBe(false)
    transferred.far.outer.end()
    expect(await client.end).toBe('fin')
    expect(client.text).toBe('answer')
    expect(await transferred.outcome).toEqual({ kind: 'closed' })
    expect(transferred.carried).toEqual({ sent: 8, received: 6 })
  })

  it('of the server reaches the client alone, which may go on sending', async () => {
    using transferred = await transfer()
    const [client, server] = [watched(transferred.near.outer), watched(transferred.far.outer)]
    transferred.far.outer.end('220 ready')
    expect(await client.end).toBe('fin')
    expect(client.text).toBe('220 ready')
    transferred.near.outer.write('still ')
    await delay(10)
    expect(transferred.over()).toBe(false)
    transferred.near.outer.end('here')
    expect(await server.end).toBe('fin')
    expect(server.text).toBe('still here')
    expect(await transferred.outcome).toEqual({ kind: 'closed' })
  })

  it('before any byte is one too', async () => {
    using transferred = await transfer()
    const [client, server] = [watched(transferred.near.outer), watched(transferred.far.outer)]
    transferred.near.outer.end()
    expect(await server.end).toBe('fin')
    transferred.far.outer.end()
    expect(await client.end).toBe('fin')
    expect(await transferred.outcome).toEqual({ kind: 'closed' })
    expect(transferred.carried).toEqual({ sent: 0, received: 0 })
  })

  it('comes behind everything that was sent before it', async () => {
    using transferred = await transfer()
    const server = watched(transferred.far.outer)
    const { bytes, sha256 } = noise(3_000_000)
    transferred.near.outer.end(bytes)
    expect(await server.end).toBe('fin')
    expect(server.sha256).toBe(sha256)
  })
})

describe('a reset', () => {
  const ends = [
    ['client', 'near', 'far'],
    ['server', 'far', 'near'],
  ] as const

  it.each(ends)('of the %s before any byte reaches the other end as a reset', async (_, by, other) => {
    using transferred = await transfer()
    const witness = watched(transferred[other].outer)
    transferred[by].outer.resetAndDestroy()
    expect(await witness.end).toBe('reset')
    expect(await transferred.outcome).toMatchObject({ kind: 'aborted', by })
  })

  it.each(ends)(
    'of the %s after data reaches the other end as a reset, never as an end',
    async (_, by, other) => {
      using transferred = await transfer()
      const witness = watched(transferred[other].outer)
      transferred[by].outer.write('half of it')
      await witness.received(10)
      transferred[by].outer.resetAndDestroy()
      expect(await witness.end).toBe('reset')
      expect(await transferred.outcome).toMatchObject({ kind: 'aborted', by, cause: { code: 'ECONNRESET' } })
    },
  )

  it.each(ends)('of the %s reaches an other end that has sent its FIN already', async (_, by, other) => {
    using transferred = await transfer()
    const witness = watched(transferred[other].outer)
    transferred[other].outer.end('done')
    await watched(transferred[by].outer).end
    transferred[by].outer.write('half of it')
    await witness.received(10)
    transferred[by].outer.resetAndDestroy()
    expect(await witness.end).toBe('reset')
    expect(await transferred.outcome).toMatchObject({ kind: 'aborted', by })
  })

  it('of the client reaches a server that reads nothing', async () => {
    using transferred = await transfer()
    const server = transferred.far.outer.pause()
    transferred.near.outer.write('x')
    await until('the byte', () => transferred.carried.sent === 1)
    transferred.near.outer.resetAndDestroy()
    await transferred.outcome
    expect(await watched(server).end).toBe('reset')
  })
})

describe('a transfer', () => {
  const size = 20_000_000

  it.each(['near', 'far'] as const)(
    'of 20 MB each way is exact and bounded while the %s end is slow',
    async (slow) => {
      using transferred = await transfer()
      const [client, server] = [watched(transferred.near.outer), watched(transferred.far.outer)]
      const [up, down] = [noise(size, 1), noise(size, 2)]
      transferred.near.outer.end(up.bytes)
      transferred.far.outer.end(down.bytes)

      let most = 0
      const { inner } = transferred[slow]
      const { outer } = transferred[slow]
      const nap = setInterval(() => {
        outer.pause()
        most = Math.max(most, inner.writableLength)
        setTimeout(() => outer.resume(), 4)
      }, 5)
      const outcome = await transferred.outcome
      clearInterval(nap)
      outer.resume()

      expect([await client.end, await server.end]).toEqual(['fin', 'fin'])
      expect([client.sha256, server.sha256]).toEqual([down.sha256, up.sha256])
      expect(outcome).toEqual({ kind: 'closed' })
      expect(transferred.carried).toEqual({ sent: size, received: size })
      expect(most).toBeGreaterThan(0)
      expect(most).toBeLessThanOrEqual(256 * 1024)
    },
  )

  it('stops reading one end while the other takes nothing, and holds little of it', async () => {
    using transferred = await transfer()
    transferred.far.outer.pause()
    transferred.near.outer.write(noise(size).bytes)
    let before = -1
    await until('the flow to stop', async () => {
      if (transferred.carried.sent > 0 && before === transferred.carried.sent) return true
      before = transferred.carried.sent
      await delay(50)
      return false
    })
    expect(transferred.carried.sent).toBeLessThan(size)
    expect(transferred.far.inner.writableLength).toBeLessThanOrEqual(256 * 1024)
    const server = watched(transferred.far.outer)
    transferred.far.outer.resume()
    await server.received(size)
    expect(server.sha256).toBe(noise(size).sha256)
  })

  it('one way goes on while the other way is stopped', async () => {
    using transferred = await transfer()
    const client = watched(transferred.near.outer)
    transferred.far.outer.pause()
    transferred.near.outer.write(noise(size).bytes)
    transferred.far.outer.write('answer')
    await client.received(6)
  })

  it('counts while it goes on', async () => {
    using transferred = await transfer()
    const server = watched(transferred.far.outer)
    transferred.near.outer.write('12345')
    await server.received(5)
    expect(transferred.carried).toEqual({ sent: 5, received: 0 })
    expect(transferred.over()).toBe(false)
  })
})

describe('a cut', () => {
  it('resets both ends, and is told with its reason', async () => {
    using transferred = await transfer()
    const [client, server] = [watched(transferred.near.outer), watched(transferred.far.outer)]
    transferred.near.outer.write('x')
    await server.received(1)
    const reason = new Error('policy')
    transferred.abort.abort(reason)
    expect(await transferred.outcome).toEqual({ kind: 'cut', cause: reason })
    expect([await client.end, await server.end]).toEqual(['reset', 'reset'])
  })

  it('resets ends that are half-closed', async () => {
    using transferred = await transfer()
    const client = watched(transferred.near.outer)
    const server = watched(transferred.far.outer)
    transferred.near.outer.end('x')
    expect(await server.end).toBe('fin')
    transferred.abort.abort(new Error('policy'))
    expect(await client.end).toBe('reset')
    expect(await transferred.outcome).toMatchObject({ kind: 'cut' })
  })

  it('that came before the transfer lets nothing through', async () => {
    using near = await tcpPair()
    using far = await tcpPair()
    const reason = new Error('policy')
    const [client, server] = [watched(near.outer), watched(far.outer)]
    near.outer.write('secret')
    await delay(10)
    const carried = { sent: 0, received: 0 }
    const signal = AbortSignal.abort(reason)
    const outcome = await pump(socketLeg(near.inner), socketLeg(far.inner), { signal, carried })
    expect(outcome).toEqual({ kind: 'cut', cause: reason })
    expect([await client.end, await server.end]).toEqual(['reset', 'reset'])
    expect(server.bytes).toBe(0)
  })

  it('after the end changes nothing', async () => {
    using transferred = await transfer()
    transferred.near.outer.resume().end()
    transferred.far.outer.resume().end()
    const outcome = await transferred.outcome
    transferred.abort.abort(new Error('late'))
    expect(await transferred.outcome).toBe(outcome)
  })
})
