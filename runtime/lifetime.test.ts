import { describe, expect, it } from 'vitest'
import { aborted, sleep, terminated } from './lifetime.ts'

describe('sleep', () => {
  it('lasts as long as it says', async () => {
    const before = performance.now()
    await sleep(30)
    expect(performance.now() - before).toBeGreaterThanOrEqual(28)
  })

  it('ends when its signal aborts, and does not begin when that has happened', async () => {
    const abort = new AbortController()
    const before = performance.now()
    setTimeout(() => abort.abort(new Error('any')), 5)
    await sleep(60_000, abort.signal)
    await sleep(60_000, abort.signal)
    expect(performance.now() - before).toBeLessThan(5_000)
  })
})

describe('aborted', () => {
  it('resolves when the signal aborts, or has', async () => {
    const abort = new AbortController()
    let told = false
    const waiting = aborted(abort.signal).then(() => {
      told = true
    })
    await sleep(1)
    expect(told).toBe(false)
    abort.abort()
    await waiting
    await aborted(abort.signal)
  })
})

describe('terminated', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('tells of %s, once', async (signal) => {
    const before = process.listenerCount(signal)
    const ended = terminated()
    process.emit(signal, signal)
    expect(await ended).toBe(signal)
    expect(process.listenerCount(signal)).toBe(before)
    for (const other of ['SIGTERM', 'SIGINT'] as const) process.emit(other, other)
  })
})
