import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { StreamRefusal } from './frames/peer-guard.ts'
import { PeerBudgets, type PeerLimits } from './peer-budgets.ts'

const limits: PeerLimits = { resetBurst: 10, resetsPerSecond: 5, pendingDials: 3, bufferedBytes: 1_000 }

function budgets() {
  const refused: StreamRefusal[] = []
  return { peers: new PeerBudgets(limits, (reason) => void refused.push(reason)), refused }
}

describe('a peer', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('has one budget over all its tunnels, and nobody else’s', () => {
    const { peers } = budgets()
    const [one, same, other] = [peers.join('a'), peers.join('a'), peers.join('b')]
    for (let i = 0; i < 10; i++) (i % 2 === 0 ? one : same).wasted()
    expect([one.refusal(), same.refusal(), other.refusal()]).toEqual([
      'reset_budget',
      'reset_budget',
      undefined,
    ])
    expect([peers.tunnelsOf('a'), peers.tunnelsOf('b'), peers.tunnelsOf('c')]).toEqual([2, 1, 0])
  })

  test('is let in again as its budget refills', () => {
    const peer = budgets().peers.join('a')
    for (let i = 0; i < 10; i++) peer.wasted()
    vi.advanceTimersByTime(100)
    expect(peer.refusal()).toBe('reset_budget')
    vi.advanceTimersByTime(200)
    expect(peer.refusal()).toBeUndefined()
  })

  test('gains nothing by leaving and coming again', () => {
    const { peers } = budgets()
    const peer = peers.join('a')
    for (let i = 0; i < 10; i++) peer.wasted()
    peers.leave('a')
    vi.advanceTimersByTime(100)
    expect(peers.join('a').refusal()).toBe('reset_budget')
  })

  test('is forgotten when its budget would be full again, and not while it is there', () => {
    const { peers } = budgets()
    peers.join('a')
    peers.join('b')
    peers.leave('a')
    peers.leave('b')
    peers.join('b')
    vi.advanceTimersByTime(2_001)
    expect(peers.size).toBe(1)
    expect(peers.tunnelsOf('b')).toBe(1)
  })

  test('waits while its dials are pending, and while its buffers are full', () => {
    const { peers, refused } = budgets()
    const peer = peers.join('a')
    for (let i = 0; i < 3; i++) peer.unanswered(1)
    expect(peer.refusal()).toBe('pending_dials')
    peer.unanswered(-1)
    expect(peer.refusal()).toBeUndefined()
    peer.held = 1_000
    expect(peer.refusal()).toBe('peer_buffers')
    peer.refused('peer_buffers')
    expect(refused).toEqual(['peer_buffers'])
  })
})
