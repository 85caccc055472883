import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { watchLiveness } from './liveness.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A connection whose peer answers when the test says so. */
function watched() {
  const pending: (() => void)[] = []
  const destroy = vi.fn<(cause: Error) => void>()
  const stop = watchLiveness({ askForLife: (answered) => void pending.push(answered), destroy })
  return { pending, destroy, stop }
}

describe('a peer', () => {
  it('that answers is asked every 10 s, and stays', () => {
    const { pending, destroy } = watched()
    for (let asked = 1; asked <= 60; asked++) {
      vi.advanceTimersByTime(10_000)
      expect(pending).toHaveLength(asked)
      pending.at(-1)!()
    }
    expect(destroy).not.toHaveBeenCalled()
  })

  it('that answers nothing is given up 20 s after it was asked', () => {
    const { destroy } = watched()
    vi.advanceTimersByTime(29_999)
    expect(destroy).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(destroy).toHaveBeenCalledExactlyOnceWith(new Error('the peer answered no PING for 20 s'))
  })

  it.each([
    ['forward', 2],
    ['back', -2],
  ])('is judged by no clock that somebody puts %s by two days', (_, days) => {
    const { pending, destroy } = watched()
    vi.advanceTimersByTime(10_000)
    vi.setSystemTime(Date.now() + days * 86_400_000)
    vi.advanceTimersByTime(10_000)
    expect(destroy).not.toHaveBeenCalled()
    pending[0]!()
    vi.advanceTimersByTime(10_000)
    vi.advanceTimersByTime(20_000)
    expect(destroy).toHaveBeenCalledTimes(1)
  })

  it('is asked no more once nobody watches', () => {
    const { pending, stop } = watched()
    stop()
    vi.advanceTimersByTime(60_000)
    expect(pending).toEqual([])
  })
})
