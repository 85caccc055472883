import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import { ip, to, workload } from '#mesh/testing/mesh.ts'
import { policy, recordedConnections, self, settledView } from '../testing/pictures.ts'
import type { Refusal } from './refusal.ts'
import { RefusedError } from './refusal.ts'

const source = { ip: ip('10.77.0.1'), port: 40_000 }
const [one, other] = [to('10.77.0.2', 80) as EndpointAddress, to('10.77.0.3', 80) as EndpointAddress]
const drained: Refusal = { kind: 'drained' }

describe('a connection', () => {
  it('is known from the moment it is opened until it is disposed, and told once', () => {
    const { connections, reported } = recordedConnections(settledView())
    {
      using record = connections.open('inbound', source)
      expect([connections.size, [...connections.live()]]).toEqual([1, [record]])
      expect(reported).toEqual([])
      record[Symbol.dispose]()
    }
    expect([connections.size, reported.length]).toEqual([0, 1])
  })

  it('has the workload at its source, if the view knows one', () => {
    const web = workload('web', ['10.77.0.1'])
    const { connections } = recordedConnections(settledView({ workloads: [web] }))
    expect(connections.open('inbound', source).source).toEqual({ ...source, workload: web })
    expect(connections.open('inbound', { ip: ip('10.77.0.9') }).source.workload).toBeUndefined()
  })

  it('has an id of its own', () => {
    const { connections } = recordedConnections(settledView())
    const ids = Array.from({ length: 5 }, () => connections.open('inbound', source).id)
    expect(new Set(ids).size).toBe(5)
  })

  it('tells once that it is connected, and how long that took', () => {
    const { connections, connected } = recordedConnections(settledView())
    const record = connections.open('outbound', source)
    expect(record.connectMs).toBeUndefined()
    record.connected()
    expect([connected, record.connectMs]).toEqual([[record], expect.any(Number)])
  })
})

describe('a check', () => {
  it('is made when the connection is put under it, which is registered already', () => {
    const { connections } = recordedConnections(settledView())
    const record = connections.open('inbound', source)
    let live: unknown
    expect(record.guard(() => void (live = connections.size))).toBeUndefined()
    expect(live).toBe(1)
  })

  it('that fails at once is the answer, and is not made again', () => {
    const view = settledView()
    const { connections } = recordedConnections(view)
    const record = connections.open('inbound', source)
    const check = vi.fn(() => drained)
    expect(record.guard(check)).toEqual(drained)
    view.apply({})
    expect([check.mock.calls.length, record.refusal, record.signal.aborted]).toEqual([1, drained, false])
  })

  it('is made again on every change of the view, and cuts the connection when it fails', () => {
    const view = settledView()
    const { connections } = recordedConnections(view)
    const [kept, cut] = [connections.open('inbound', source), connections.open('inbound', source)]
    const check = vi.fn(() => undefined)
    kept.guard(check)
    cut.guard(() => (view.current().workloads.size > 1 ? drained : undefined))
    view.apply({})
    expect([kept.signal.aborted, cut.signal.aborted]).toEqual([false, false])
    view.apply({ workloads: [workload('web', ['10.77.0.1'])] })
    expect([kept.signal.aborted, cut.signal.aborted]).toEqual([false, true])
    expect(cut.signal.reason).toBeInstanceOf(RefusedError)
    expect([cut.refusal, check.mock.calls.length]).toEqual([drained, 3])
  })

  it('is no longer made of a connection that is over', () => {
    const view = settledView()
    const { connections } = recordedConnections(view)
    const record = connections.open('inbound', source)
    const check = vi.fn(() => undefined)
    record.guard(check)
    record[Symbol.dispose]()
    view.apply({})
    expect(check).toHaveBeenCalledTimes(1)
  })

  describe('over time', () => {
    beforeEach(() => void vi.useFakeTimers())
    afterEach(() => void vi.useRealTimers())

    it('is made again every minute, though nothing changes', () => {
      const { connections } = recordedConnections(settledView())
      const check = vi.fn(() => undefined)
      connections.open('inbound', source).guard(check)
      vi.advanceTimersByTime(180_000)
      expect(check).toHaveBeenCalledTimes(4)
    })

    it('is made again a second after a policy went missing, though nothing changes', () => {
      const view = settledView()
      const { connections } = recordedConnections(view)
      const times: number[] = []
      const since = Date.now()
      connections.open('inbound', source).guard(() => void times.push(Date.now() - since))
      view.apply({ workloads: [{ ...self, authorizationPolicies: ['shop/late'] }] })
      vi.advanceTimersByTime(5_000)
      expect(times).toHaveLength(3)
      expect(times.at(-1)).toBeGreaterThanOrEqual(1_000)
      expect(times.at(-1)).toBeLessThan(1_100)
    })
  })
})

describe('a cut', () => {
  it('keeps the first reason', () => {
    const { connections } = recordedConnections(settledView())
    const record = connections.open('inbound', source)
    record.cut({ kind: 'route_changed' })
    record.cut(drained)
    expect([record.refusal, (record.signal.reason as RefusedError).refusal]).toEqual([
      { kind: 'route_changed' },
      { kind: 'route_changed' },
    ])
  })

  it('of all cuts all', () => {
    const { connections } = recordedConnections(settledView())
    const records = [connections.open('inbound', source), connections.open('outbound', source)]
    connections.cutAll(drained)
    expect(records.map(({ signal, refusal }) => [signal.aborted, refusal])).toEqual([
      [true, drained],
      [true, drained],
    ])
  })
})

describe('the load of an endpoint', () => {
  it('counts the connections that go there now', () => {
    const { connections } = recordedConnections(settledView())
    const [a, b, c] = [1, 2, 3].map(() => connections.open('outbound', source))
    for (const record of [a!, b!]) connections.assign(record, one)
    connections.assign(c!, other)
    expect([connections.load(one), connections.load(other)]).toEqual([2, 1])
    connections.assign(b!, other)
    expect([connections.load(one), connections.load(other)]).toEqual([1, 2])
    for (const record of [a!, b!, c!]) record[Symbol.dispose]()
    expect([connections.load(one), connections.load(other)]).toEqual([0, 0])
  })

  it('is one even where a connection is assigned to it again', () => {
    const { connections } = recordedConnections(settledView())
    const record = connections.open('outbound', source)
    connections.assign(record, one)
    connections.assign(record, one)
    expect(connections.load(one)).toBe(1)
    record[Symbol.dispose]()
    record[Symbol.dispose]()
    expect(connections.load(one)).toBe(0)
  })
})

describe('idle', () => {
  it('is at once where nobody is connected', async () => {
    await recordedConnections(settledView()).connections.idle()
  })

  it('is when the last connection is over, for everybody who waits', async () => {
    const { connections } = recordedConnections(settledView())
    const [a, b] = [connections.open('inbound', source), connections.open('inbound', source)]
    const waiting = Promise.all([connections.idle(), connections.idle()]).then(() => 'idle')
    a[Symbol.dispose]()
    expect(await Promise.race([waiting, delay(5, 'busy')])).toBe('busy')
    b[Symbol.dispose]()
    expect(await Promise.race([waiting, delay(500, 'busy')])).toBe('idle')
  })
})

it('a policy that holds on this pod is judged again when it changes', () => {
  const deny = policy('deny', 'deny')
  const view = settledView({
    workloads: [{ ...self, authorizationPolicies: [deny.key] }],
    authorizations: [deny],
  })
  const { connections } = recordedConnections(view)
  const record = connections.open('inbound', source)
  record.guard(() => (view.current().policies.deny.policies[0]?.rules.length === 1 ? drained : undefined))
  view.apply({ authorizations: [policy('deny', 'deny', { destinationPorts: [80] })] })
  expect(record.signal.aborted).toBe(true)
})
