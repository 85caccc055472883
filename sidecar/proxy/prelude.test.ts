import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { until } from '#test/harness/until.ts'
import { FakeLeg } from '../testing/fake-leg.ts'
import { noise, tcpPair } from '../testing/sockets.ts'
import { Prelude } from './prelude.ts'
import { socketLeg } from './socket-leg.ts'

function started() {
  const client = new FakeLeg()
  const carried = { sent: 0, received: 0 }
  return { client, carried, prelude: new Prelude(client, carried) }
}

describe('a prelude', () => {
  it('sends on at once what came before and what comes after, and counts it once', () => {
    const { client, carried, prelude } = started()
    client.says('GET / ')
    const far = new FakeLeg()
    prelude.feed(far)
    expect(far.text).toBe('GET / ')
    client.says('HTTP/1.1')
    expect(far.text).toBe('GET / HTTP/1.1')
    expect(carried).toEqual({ sent: 14, received: 0 })
  })

  it('says the same again to another far leg, and no more to the first', () => {
    const { client, carried, prelude } = started()
    const [first, second] = [new FakeLeg(), new FakeLeg()]
    client.says('one ')
    prelude.feed(first)
    client.says('two ')
    prelude.feed(second)
    client.says('three')
    expect([first.text, second.text]).toEqual(['one two ', 'one two three'])
    expect(carried.sent).toBe(13)
  })

  it('ends the far leg where the client ended, on every one of them', () => {
    const { client, prelude } = started()
    const [before, after] = [new FakeLeg(), new FakeLeg()]
    prelude.feed(before)
    client.says('x')
    expect(before.fin).toBe(false)
    client.sink.ended()
    prelude.feed(after)
    expect([before.fin, after.fin, after.text]).toEqual([true, true, 'x'])
  })

  it('reads the client until it holds 64 KiB, and no further', () => {
    const { client, prelude } = started()
    const { bytes } = noise(64 * 1024)
    client.says(bytes.subarray(0, 64 * 1024 - 1))
    expect(client.paused).toBe(false)
    client.says(bytes.subarray(64 * 1024 - 1))
    expect(client.paused).toBe(true)
    const far = new FakeLeg()
    prelude.feed(far)
    expect(Buffer.from(far.text, 'latin1').equals(bytes)).toBe(true)
    expect(client.paused).toBe(true)
  })

  it('holds little of a client that never stops', async () => {
    using pair = await tcpPair()
    const carried = { sent: 0, received: 0 }
    const prelude = new Prelude(socketLeg(pair.inner), carried)
    pair.outer.write(noise(20_000_000).bytes)
    await until('64 KiB', () => carried.sent >= 64 * 1024)
    await delay(50)
    // What one read of the socket brings can go beyond the limit.
    expect(carried.sent).toBeLessThan(2 * 64 * 1024)
    const far = new FakeLeg()
    prelude.feed(far)
    expect(far.text).toHaveLength(carried.sent)
  })

  it('tells that the client was lost, whether or not anybody waits for it', async () => {
    const { client, prelude } = started()
    client.sink.aborted(new Error('gone'))
    await delay(1)
    await expect(prelude.lost).rejects.toThrow('gone')
  })

  it('does not take a FIN for a loss', async () => {
    const { client, prelude } = started()
    client.sink.ended()
    expect(await Promise.race([prelude.lost, delay(5, 'still there')])).toBe('still there')
  })
})
