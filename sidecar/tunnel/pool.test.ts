import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import { identity, ip, to } from '#mesh/testing/mesh.ts'
import { FakeLayer, type FakeStream, FakeTunnel } from '../testing/fake-tunnels.ts'
import { TunnelPool } from './pool.ts'
import type { Tunnel } from './tunnel.ts'

const backend = { ip: ip('10.77.0.1'), identity: identity('backend') }
const destination = to('10.77.0.1', 8080) as EndpointAddress

/** A layer that reaches everybody at once. */
function reaching(): FakeLayer {
  return new FakeLayer(({ target, succeed }) => succeed(new FakeTunnel(target)))
}

/** What a connection does: asks for a tunnel and opens its stream. */
async function connection(pool: TunnelPool, target = backend): Promise<Tunnel> {
  const tunnel = await pool.acquire(target)
  tunnel.open(destination)
  return tunnel
}

describe('the pool', () => {
  it('shares a tunnel among connections to one workload', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    const first = await connection(pool)
    expect(await connection(pool)).toBe(first)
    expect([layer.dials.length, pool.size]).toEqual([1, 1])
  })

  it('never shares one among addresses or identities', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    const targets = [
      backend,
      { ...backend, ip: ip('10.77.0.2') },
      { ...backend, identity: identity('other') },
      { ...backend, identity: identity('backend', 'pay') },
    ]
    const tunnels = await Promise.all(targets.map((target) => connection(pool, target)))
    expect(new Set(tunnels).size).toBe(4)
    expect(layer.dials.map(({ target }) => target)).toEqual(targets)
  })

  it('dials once for all who ask meanwhile', async () => {
    const layer = new FakeLayer()
    const pool = new TunnelPool(layer)
    const asked = Array.from({ length: 50 }, () => connection(pool))
    expect(layer.dials).toHaveLength(1)
    layer.dials[0]!.succeed(new FakeTunnel(backend))
    expect(new Set(await Promise.all(asked)).size).toBe(1)
    expect(layer.dials).toHaveLength(1)
  })

  it.each(['one after another', 'all at once'])(
    'puts 100 streams on a tunnel and no more, asked %s',
    async (how) => {
      const layer = reaching()
      const pool = new TunnelPool(layer)
      if (how === 'all at once') await Promise.all(Array.from({ length: 250 }, () => connection(pool)))
      else for (let i = 0; i < 250; i++) await connection(pool)
      expect(layer.tunnels.map(({ streams }) => streams)).toEqual([100, 100, 50])
    },
  )

  it('puts no more on a tunnel that has room for a few when many ask at once', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    for (let i = 0; i < 95; i++) await connection(pool)
    await Promise.all(Array.from({ length: 20 }, () => connection(pool)))
    expect(layer.tunnels.map(({ streams }) => streams)).toEqual([100, 15])
  })

  it('uses the room that ended streams leave', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    for (let i = 0; i < 100; i++) await connection(pool)
    await new Promise((resolve) => setImmediate(resolve))
    layer.tunnels[0]!.opened[7]!.close()
    await connection(pool)
    expect(layer.tunnels.map(({ streams }) => streams)).toEqual([100])
  })

  it('does not count those who asked and opened nothing', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    await Promise.all(Array.from({ length: 90 }, () => pool.acquire(backend)))
    await new Promise((resolve) => setImmediate(resolve))
    await Promise.all(Array.from({ length: 90 }, () => connection(pool)))
    expect(layer.tunnels.map(({ streams }) => streams)).toEqual([90])
  })
})

describe('a dial that fails', () => {
  it('fails for all who waited for it, and the next to ask dials anew', async () => {
    const layer = new FakeLayer()
    const pool = new TunnelPool(layer)
    const asked = Array.from({ length: 3 }, () => pool.acquire(backend))
    const failure = new Error('refused')
    layer.dials[0]!.fail(failure)
    expect(await Promise.allSettled(asked)).toEqual(
      Array.from({ length: 3 }, () => ({ status: 'rejected', reason: failure })),
    )
    expect([layer.dials.length, pool.size]).toEqual([1, 0])
    const again = pool.acquire(backend)
    expect(layer.dials).toHaveLength(2)
    const tunnel = new FakeTunnel(backend)
    layer.dials[1]!.succeed(tunnel)
    expect(await again).toBe(tunnel)
  })
})

describe('a tunnel', () => {
  it('that is gone is forgotten', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    await connection(pool)
    layer.tunnels[0]!.closes()
    expect(pool.size).toBe(0)
    expect(await connection(pool)).toBe(layer.tunnels[1])
  })

  it('that its far end retires is passed over, and kept while it carries something', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    await connection(pool)
    layer.tunnels[0]!.usable = false
    expect(await connection(pool)).toBe(layer.tunnels[1])
    expect(pool.size).toBe(2)
  })
})

describe('retireAll, when a certificate or a bundle is new', () => {
  it('lets live streams live, and every new one go through a new tunnel', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    await connection(pool)
    const live = layer.tunnels[0]!.opened[0] as FakeStream
    pool.retireAll()
    expect([layer.tunnels[0]!.retired, live.leg.aborted, pool.size]).toEqual([true, undefined, 1])
    expect(await connection(pool)).toBe(layer.tunnels[1])
    live.close()
    expect(pool.size).toBe(1)
  })

  it('does not let a tunnel in that was dialled with what was there before', async () => {
    const layer = new FakeLayer()
    const pool = new TunnelPool(layer)
    const asked = [pool.acquire(backend), pool.acquire(backend)]
    pool.retireAll()
    const old = new FakeTunnel(backend)
    layer.dials[0]!.succeed(old)
    await expect.poll(() => layer.dials.length, { interval: 1 }).toBe(2)
    expect([old.retired, pool.size]).toEqual([true, 0])
    const renewed = new FakeTunnel(backend)
    layer.dials[1]!.succeed(renewed)
    expect(await Promise.all(asked)).toEqual([renewed, renewed])
  })
})

describe('close', () => {
  it('cuts every tunnel and every dial', async () => {
    const layer = new FakeLayer()
    const pool = new TunnelPool(layer)
    const made = connection(pool)
    layer.dials[0]!.succeed(new FakeTunnel(backend))
    await made
    const pending = pool.acquire({ ...backend, ip: ip('10.77.0.2') })
    pool.close()
    expect(layer.tunnels[0]!.destroyed).toBeInstanceOf(Error)
    expect(layer.dials[1]!.signal.aborted).toBe(true)
    layer.dials[1]!.fail(new Error('cancelled'))
    await expect(pending).rejects.toThrow('cancelled')
  })
})

it('retires the tunnels to those that are meant, and no others', async () => {
  const layer = reaching()
  const pool = new TunnelPool(layer)
  const other = { ...backend, identity: identity('other') }
  await connection(pool)
  await connection(pool, other)
  pool.retire((peer) => peer.identity === other.identity)
  expect(layer.tunnels.map(({ retired }) => retired)).toEqual([false, true])
  expect([await connection(pool), layer.dials.length]).toEqual([layer.tunnels[0], 2])
  await connection(pool, other)
  expect(layer.dials).toHaveLength(3)
})

describe('a pool that ends', () => {
  it('opens nothing more, and is over with the last stream', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    await connection(pool)
    await connection(pool, { ...backend, ip: ip('10.77.0.2') })
    let over = false
    const ended = pool.end().then(() => {
      over = true
    })
    layer.tunnels[0]!.opened[0]!.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect([over, layer.tunnels.map(({ usable }) => usable)]).toEqual([false, [false, false]])
    layer.tunnels[1]!.opened[0]!.close()
    await ended
    expect(pool.size).toBe(0)
  })

  it('is over at once where there is no tunnel', async () => {
    await new TunnelPool(reaching()).end()
  })
})

describe('a tunnel that carries nothing', () => {
  const minute = 60_000
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('is retired after five minutes', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    await connection(pool)
    vi.advanceTimersByTime(60 * minute)
    expect(layer.tunnels[0]!.retired).toBe(false)
    layer.tunnels[0]!.opened[0]!.close()
    vi.advanceTimersByTime(4 * minute)
    expect(layer.tunnels[0]!.retired).toBe(false)
    vi.advanceTimersByTime(2 * minute)
    expect([layer.tunnels[0]!.retired, pool.size]).toEqual([true, 0])
  })

  it('is one that nobody takes: however short its streams are, one in use stays', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    for (let i = 0; i < 120; i++) {
      const tunnel = (await connection(pool)) as FakeTunnel
      tunnel.opened.at(-1)!.close()
      await new Promise((resolve) => setImmediate(resolve))
      vi.advanceTimersByTime(10_000)
    }
    expect([layer.tunnels.length, layer.tunnels[0]!.retired]).toEqual([1, false])
  })

  it('leaves no timer behind when it is gone', async () => {
    const layer = reaching()
    const pool = new TunnelPool(layer)
    await connection(pool)
    expect(vi.getTimerCount()).toBe(1)
    layer.tunnels[0]!.closes()
    expect(vi.getTimerCount()).toBe(0)
  })
})
