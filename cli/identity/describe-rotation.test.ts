import { describe, expect, it } from 'vitest'
import type { RotationStatus } from '#mesh/rotation-status.ts'
import { describeProgress, describeRotation } from './describe-rotation.ts'

const now = Date.UTC(2026, 10, 28, 12)
const at = (seconds: number) => new Date(now + seconds * 1_000).toISOString()
const day = 86_400
const [first, second] = ['0123456789abcdef', 'fedcba9876543210'].map((part) => part.repeat(4)) as [
  string,
  string,
]

const stable: RotationStatus = {
  phase: 'stable',
  since: at(-90),
  roots: [{ fingerprint: first, role: 'signing', notAfter: at(3_650 * day) }],
  issuer: at(300 * day),
  serving: at(12 * 3_600),
  waits: [],
  leftBehind: { count: 0, names: [] },
}
const retiring: RotationStatus = {
  ...stable,
  phase: 'retiring',
  roots: [
    { fingerprint: second, role: 'signing', notAfter: at(3_650 * day) },
    { fingerprint: first, role: 'old', notAfter: at(700 * day) },
  ],
  waits: [
    { kind: 'tunnels', count: 7, names: ['shop/a', 'shop/b'], until: at(6 * day) },
    { kind: 'connection', count: 1, names: ['shop/gone'], until: at(1_800) },
  ],
  followers: { total: 20, connected: 19, acknowledged: 19, certificatesUnderOld: 1, tunnelsUnderOld: 8 },
  leftBehind: { count: 1, names: ['shop/gone'] },
  graceEnds: at(6 * day),
}

describe('the roots in words', () => {
  it('are one, in a mesh that stands still', () => {
    expect(
      describeRotation(stable, now),
    ).toBe(`phase            stable, for 1m 30s: one root, under which everything is signed
root that signs  0123456789ab, good for another 3650d
issuer           good for another 300d
control plane    good for another 12h`)
  })

  it('say what is waited for, by name and until when', () => {
    expect(
      describeRotation(retiring, now),
    ).toBe(`phase               retiring, for 1m 30s: nothing is signed under the old root; what is connected under it may end by itself
root that signs     fedcba987654, good for another 3650d
old root            0123456789ab, good for another 700d
issuer              good for another 300d
control plane       good for another 12h
sidecars            19 of 20 know every root, 1 not connected
under the old root  certificates of 1 pod, live tunnels of 8 pods
waits for           live tunnels to end at 7 pods, among them shop/a, shop/b (6d at most)
                    word of shop/gone (30m at most)
went on without     shop/gone
grace               the old root goes in 6d at the latest`)
  })

  it('are told on the way in two lines', () => {
    expect(describeProgress(retiring, now).split('\n')).toEqual([
      'retiring: nothing is signed under the old root; what is connected under it may end by itself',
      '  waits for live tunnels to end at 7 pods, among them shop/a, shop/b (6d at most); word of shop/gone (30m at most)',
    ])
  })

  it('say of every wait what it is', () => {
    const kinds = ['time', 'issuer', 'bundle', 'acknowledgement', 'renewal', 'tunnels', 'connection'] as const
    const waits = kinds.map((kind) => ({ kind, count: 1, names: ['x/y'], until: at(60) }))
    expect(
      describeRotation({ ...retiring, waits }, now),
    ).toContain(`waits for           mounted files to follow (another 1m)
                    an issuer under the new root
                    the roots to be written: x/y (1m at most)
                    the roots to be acknowledged by x/y (1m at most)
                    a new certificate of x/y (1m at most)
                    live tunnels to end at x/y (1m at most)
                    word of x/y (1m at most)`)
  })
})
