import { describe, expect, it, vi } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import { backendKey, identity, ip, service, to, workload } from '#mesh/testing/mesh.ts'
import { ConnectError } from '../proxy/connect-error.ts'
import { recordedConnections, self, settledView } from '../testing/pictures.ts'
import { describeConnection } from './describe.ts'
import { describeRefusal, type Refusal, RefusedError, refusalOf, refusalReason } from './refusal.ts'

const web = workload('web', ['10.77.0.1'])

function opened(direction: 'inbound' | 'outbound') {
  const { connections } = recordedConnections(settledView({ workloads: [web] }))
  return connections.open(direction, { ip: ip('10.77.0.1'), port: 40_000 })
}

describe('the line of a connection', () => {
  it('tells where it came from, where it went, how it was secured and what it carried', () => {
    const record = opened('outbound')
    record.destination = to('10.77.100.1', 80)
    record.service = service(['10.77.100.1'])
    record.endpoint = to('10.77.0.2', 8080) as EndpointAddress
    record.destinationWorkload = workload('backend', ['10.77.0.2'])
    record.peer = identity('backend')
    record.peerSerial = '0A'
    record.keyExchange = 'X25519MLKEM768'
    record.carried.sent = 7
    record.carried.received = 9
    record.connected()
    record.outcome = { kind: 'closed' }
    expect(JSON.parse(JSON.stringify(describeConnection(record)))).toEqual({
      id: record.id,
      direction: 'outbound',
      outcome: 'closed',
      source: '10.77.0.1:40000',
      sourceWorkload: 'shop/web',
      destination: '10.77.100.1:80',
      service: backendKey,
      endpoint: '10.77.0.2:8080',
      destinationWorkload: 'shop/backend',
      security: 'mutual_tls',
      peer: 'spiffe://cluster.local/ns/shop/sa/backend',
      peerSerial: '0A',
      keyExchange: 'X25519MLKEM768',
      sentBytes: 7,
      receivedBytes: 9,
      connectMs: record.connectMs,
      durationMs: expect.any(Number),
    })
  })

  it('tells how long it was whatever the clock was set to meanwhile', () => {
    const record = opened('inbound')
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 86_400_000 })
    try {
      expect(describeConnection(record).durationMs).toBeGreaterThanOrEqual(0)
      expect(describeConnection(record).durationMs).toBeLessThan(60_000)
    } finally {
      vi.useRealTimers()
    }
  })

  it('of one that is refused names who decided, policy and rule', () => {
    const record = opened('inbound')
    const by = { policy: 'shop/deny', rule: 2 }
    record.refusal = { kind: 'policy', reason: { kind: 'deny_matched', by } }
    expect(describeConnection(record)).toMatchObject({
      outcome: 'refused',
      reason: 'deny_matched',
      deniedBy: by,
      detail: expect.stringContaining('shop/deny'),
      security: 'none',
      plaintextFromMesh: true,
    })
  })

  it('of one that is cut says so, and why', () => {
    const record = opened('inbound')
    record.refusal = { kind: 'drained' }
    record.outcome = { kind: 'cut', cause: new RefusedError(record.refusal) }
    expect(describeConnection(record)).toMatchObject({ outcome: 'cut', reason: 'drained' })
  })

  it('of one that was reset says by which loss', () => {
    const record = opened('inbound')
    record.outcome = { kind: 'aborted', by: 'far', cause: new Error('read ECONNRESET') }
    expect(describeConnection(record)).toMatchObject({ outcome: 'aborted', detail: 'read ECONNRESET' })
  })

  it('of one that goes on is open', () => {
    expect(describeConnection(opened('outbound'))).toMatchObject({ outcome: 'open', connectMs: undefined })
  })
})

describe('a refusal', () => {
  const all: readonly (readonly [Refusal, reason: string, told: string])[] = [
    [
      { kind: 'not_redirected', detail: 'straight to the listener' },
      'not_redirected',
      'straight to the listener',
    ],
    [{ kind: 'not_my_address', ip: ip('10.0.0.1') }, 'not_my_address', '10.0.0.1'],
    [{ kind: 'forbidden_port', port: 15008 }, 'forbidden_port', '15008'],
    [{ kind: 'bad_authority', authority: 'x:y' }, 'bad_authority', 'x:y'],
    [{ kind: 'not_ready', missing: 'a certificate' }, 'not_ready', 'a certificate'],
    [{ kind: 'route', reason: { kind: 'no_endpoints', service: 'a/b' } }, 'no_endpoints', 'a/b'],
    [{ kind: 'policy', reason: { kind: 'policy_missing', policy: 'a/b' } }, 'policy_missing', 'a/b'],
    [
      {
        kind: 'policy',
        reason: { kind: 'deny_matched', by: { policy: 'a/peer_authentication_b', rule: 0 } },
      },
      'plaintext_denied',
      'PeerAuthentication a/b is strict there',
    ],
    [{ kind: 'plaintext_from_mesh', claimed: identity('web') }, 'plaintext_from_mesh', 'shop/sa/web'],
    [{ kind: 'upstream', failure: 'timeout', message: 'no answer' }, 'timeout', 'no answer'],
    [{ kind: 'route_changed' }, 'route_changed', 'no longer'],
    [{ kind: 'peer_gone', identity: identity('web') }, 'peer_gone', 'shop/sa/web'],
    [{ kind: 'peer_untrusted', identity: identity('web') }, 'peer_untrusted', 'shop/sa/web'],
    [{ kind: 'drained' }, 'drained', 'ended'],
  ]

  it.each(all)(
    'has a word to count it by and a sentence that names its object: %j',
    (refusal, reason, told) => {
      expect(refusalReason(refusal)).toBe(reason)
      expect(describeRefusal(refusal)).toContain(told)
      expect(new RefusedError(refusal).message).toBe(describeRefusal(refusal))
      expect(refusalOf(new RefusedError(refusal))).toBe(refusal)
    },
  )

  it('is made of whatever a failed attempt threw', () => {
    expect(refusalOf(new ConnectError('timeout', 'no answer'))).toEqual({
      kind: 'upstream',
      failure: 'timeout',
      message: 'no answer',
    })
    expect(refusalOf(new Error('odd'))).toEqual({ kind: 'upstream', failure: 'failed', message: 'odd' })
    expect(refusalOf('odd')).toEqual({ kind: 'upstream', failure: 'failed', message: 'odd' })
  })
})

it('this pod’s own line has no port where the peer has none', () => {
  const { connections } = recordedConnections(settledView())
  const record = connections.open('inbound', { ip: ip('10.77.0.7') })
  expect(describeConnection(record)).toMatchObject({ source: '10.77.0.7', sourceWorkload: undefined })
  expect(describeConnection(connections.open('inbound', { ip: self.addresses[0]! }))).toMatchObject({
    sourceWorkload: 'shop/self',
  })
})
