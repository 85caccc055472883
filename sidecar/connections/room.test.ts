import { describe, expect, it } from 'vitest'
import { ip } from '#mesh/testing/mesh.ts'
import { settledView } from '../testing/pictures.ts'
import { BufferBudget } from '../tunnel/buffer-budget.ts'
import { Connections, type Room } from './connections.ts'
import { describeRefusal, refusalReason } from './refusal.ts'

const source = { ip: ip('10.77.0.2') }
const mebi = 1024 ** 2

function connections(room: Partial<Room> = {}) {
  const most = { inbound: 2, outbound: 1 }
  const buffers = new BufferBudget(4 * mebi)
  const made = new Connections({
    view: settledView(),
    connected: () => {},
    report: () => {},
    room: { most, descriptors: 100, buffers, ...room },
  })
  return { made, buffers }
}

describe('room for a connection', () => {
  it('is there up to the limit of its direction, and again when one is over', () => {
    const { made } = connections()
    const [one, two, three] = [1, 2, 3].map(() => made.open('inbound', source))
    expect([made.full(one!), made.full(two!)]).toMatchObject([{ kind: 'connection_limit' }, { limit: 2 }])
    three![Symbol.dispose]()
    expect([made.full(one!), made.full(two!)]).toEqual([undefined, undefined])
    expect([made.count('inbound'), made.count('outbound')]).toEqual([2, 0])
  })

  it('of one direction is not taken by the other', () => {
    const { made } = connections()
    const outward = made.open('outbound', source)
    made.open('inbound', source)
    expect(made.full(outward)).toBeUndefined()
    const refusal = made.full(made.open('outbound', source))!
    expect(refusalReason(refusal)).toBe('connection_limit')
    expect(describeRefusal(refusal)).toBe(
      'this sidecar carries 1 outbound connections already; raise WEFT_MAX_OUTBOUND_CONNECTIONS if it should carry more',
    )
  })

  it('is counted in descriptors too, two where both sides are TCP', () => {
    const { made } = connections({ most: { inbound: 100, outbound: 100 }, descriptors: 4 })
    const plain = made.open('inbound', source)
    plain.connected()
    made.open('inbound', source)
    const third = made.open('inbound', source)
    expect(made.full(third)).toBeUndefined()
    third.connected()
    expect(refusalReason(made.full(made.open('outbound', source))!)).toBe('descriptor_limit')
    plain[Symbol.dispose]()
    expect(made.full(third)).toBeUndefined()
  })

  it('is not there while slow readers fill the buffers', () => {
    const { made, buffers } = connections()
    const account = buffers.account()
    account.hold(4 * mebi)
    const refusal = made.full(made.open('inbound', source))!
    expect(refusalReason(refusal)).toBe('overloaded')
    expect(describeRefusal(refusal)).toBe(
      'slow readers keep 4.0 MiB of 4.0 MiB of buffers full; raise WEFT_BUFFER_BUDGET if it may use more',
    )
    account.close()
    expect(made.full(made.open('inbound', source))).toBeUndefined()
  })
})
