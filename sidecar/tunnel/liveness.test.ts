import { EventEmitter } from 'node:events'
import type { Http2Session } from 'node:http2'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { watchLiveness } from './liveness.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A session as node:http2's: it refuses to ask when it is destroyed, and closes only when its peer does. */
class FakeSession extends EventEmitter {
  readonly pings: (() => void)[] = []
  destroyed = false
  cause: Error | undefined

  ping(answered: () => void): boolean {
    if (this.destroyed) throw new Error('ERR_HTTP2_INVALID_SESSION')
    this.pings.push(answered)
    return true
  }

  destroy(cause?: Error): void {
    this.destroyed = true
    this.cause = cause
  }
}

function watching(): FakeSession {
  const session = new FakeSession()
  watchLiveness(session as unknown as Http2Session)
  return session
}

describe('a session', () => {
  it('is asked every 10 s, and stays while it answers', () => {
    const session = watching()
    for (let i = 1; i <= 5; i++) {
      vi.advanceTimersByTime(10_000)
      expect(session.pings).toHaveLength(i)
      session.pings.at(-1)!()
    }
    expect(session.destroyed).toBe(false)
  })

  it('may answer late, and is not asked again before', () => {
    const session = watching()
    vi.advanceTimersByTime(29_000)
    expect(session.pings).toHaveLength(1)
    session.pings[0]!()
    vi.advanceTimersByTime(1_000)
    expect([session.pings.length, session.destroyed]).toEqual([2, false])
  })

  it('is cut when it has not answered for 20 s', () => {
    const session = watching()
    vi.advanceTimersByTime(29_999)
    expect(session.destroyed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(session.cause?.message).toContain('20 s')
  })

  it('that is destroyed, and waits for a peer that is gone, is asked nothing', () => {
    const session = watching()
    session.destroy()
    vi.advanceTimersByTime(60_000)
    expect([session.pings.length, vi.getTimerCount()]).toEqual([0, 0])
  })

  it('that is closed leaves no timer behind', () => {
    const session = watching()
    session.emit('close')
    expect(vi.getTimerCount()).toBe(0)
  })
})
