import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { tcpPair, watched } from '../testing/sockets.ts'
import type { Sink } from './leg.ts'
import { socketLeg } from './socket-leg.ts'

/** Writes down what a leg tells. */
function scribe(): Sink & { readonly told: string[] } {
  const told: string[] = []
  return {
    told,
    data: (bytes) => void told.push(`data ${bytes.toString()}`),
    ended: () => void told.push('ended'),
    aborted: (cause) => void told.push(`aborted ${cause.message}`),
    drained: () => void told.push('drained'),
    closed: () => void told.push('closed'),
  }
}

describe('a leg over a socket', () => {
  it('tells data, then the end, then that it is closed', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    const sink = scribe()
    leg.read(sink)
    leg.resume()
    const outer = watched(pair.outer)
    pair.outer.end('hello')
    await expect.poll(() => sink.told).toEqual(['data hello', 'ended'])
    leg.write(Buffer.from('bye'))
    leg.end()
    expect(await outer.end).toBe('fin')
    await expect.poll(() => sink.told).toEqual(['data hello', 'ended', 'closed'])
    expect(outer.text).toBe('bye')
  })

  it('reads nothing before somebody wants it, and nothing while paused', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    const sink = scribe()
    pair.outer.write('early')
    await delay(10)
    leg.read(sink)
    await delay(10)
    expect(sink.told).toEqual([])
    leg.resume()
    await expect.poll(() => sink.told).toEqual(['data early'])
    leg.pause()
    pair.outer.write('late')
    await delay(10)
    expect(sink.told).toEqual(['data early'])
    leg.resume()
    await expect.poll(() => sink.told).toEqual(['data early', 'data late'])
  })

  it('hands over to another sink, which misses nothing and hears nothing twice but the end', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    const [first, second] = [scribe(), scribe()]
    leg.read(first)
    leg.resume()
    pair.outer.end('one')
    await expect.poll(() => first.told).toEqual(['data one', 'ended'])
    leg.read(second)
    expect(second.told).toEqual(['ended'])
    leg.end()
    await expect.poll(() => second.told).toContain('closed')
    expect([first.told.at(-1), second.told.at(-1)]).toEqual(['ended', 'closed'])
    const third = scribe()
    leg.read(third)
    expect(third.told).toEqual(['ended', 'closed'])
  })

  it('tells a reset that came before anybody read to who reads first', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    leg.resume()
    const lost = new Promise((resolve) => pair.inner.once('close', resolve))
    pair.outer.resetAndDestroy()
    await lost
    const sink = scribe()
    leg.read(sink)
    expect(sink.told).toEqual([expect.stringMatching(/^aborted .*ECONNRESET/)])
  })

  it('aborts with a reset, told once, however often it is asked', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    const sink = scribe()
    const outer = watched(pair.outer)
    leg.read(sink)
    leg.resume()
    for (let i = 0; i < 3; i++) leg.abort(new Error(`cause ${i}`))
    leg.end()
    expect(leg.write(Buffer.from('nobody'))).toBe(true)
    expect(await outer.end).toBe('reset')
    expect(sink.told).toEqual(['aborted cause 0'])
  })

  it('asks the writer to wait, and says when it need not', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    const sink = scribe()
    leg.read(sink)
    const chunk = Buffer.alloc(4 * 1024 * 1024)
    let written = 0
    while (leg.write(chunk)) written += 1
    expect(written).toBeLessThan(20)
    expect(sink.told).toEqual([])
    pair.outer.resume()
    while (!sink.told.includes('drained')) await delay(1)
    expect(sink.told).toEqual(['drained'])
  })

  it('sends what was queued ahead of its FIN', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    const outer = watched(pair.outer)
    leg.write(Buffer.alloc(5_000_000))
    leg.end()
    leg.end()
    expect(await outer.end).toBe('fin')
    expect(outer.bytes).toBe(5_000_000)
  })

  it('keeps its own copy of what is written', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    const outer = watched(pair.outer)
    const lent = Buffer.alloc(2_000_000, 'a')
    leg.write(lent)
    lent.fill('b')
    leg.end()
    expect(await outer.end).toBe('fin')
    expect([outer.bytes, outer.text.includes('b')]).toEqual([2_000_000, false])
  })

  it('sends the pieces of one turn together', async () => {
    using pair = await tcpPair()
    const leg = socketLeg(pair.inner)
    const pieces: number[] = []
    pair.outer.on('data', (bytes: Buffer) => pieces.push(bytes.length))
    for (let i = 0; i < 10; i++) leg.write(Buffer.alloc(100))
    await expect.poll(() => pieces).toEqual([1_000])
  })
})
