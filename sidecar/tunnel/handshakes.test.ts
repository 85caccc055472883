import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Handshakes } from './handshakes.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

let port = 0
function socketFrom(remoteAddress: string): Socket {
  const destroy = vi.fn<() => void>()
  const ends = { remoteAddress, remotePort: ++port, localAddress: '10.0.0.1', destroy }
  return Object.assign(new EventEmitter(), ends) as unknown as Socket
}

function handshakes(most = 16) {
  const late: Socket[] = []
  return { late, them: new Handshakes({ most, limit: 5_000, onLate: (socket) => void late.push(socket) }) }
}

test('one address has an eighth of the room, all together have all of it', () => {
  const { them } = handshakes(16)
  expect(['a', 'a', 'a'].map((from) => them.begin(socketFrom(from)))).toEqual([true, true, false])
  for (const from of ['b', 'c', 'd', 'e', 'f', 'g', 'h']) {
    expect([them.begin(socketFrom(from)), them.begin(socketFrom(from))]).toEqual([true, true])
  }
  expect([them.size, them.begin(socketFrom('i'))]).toEqual([16, false])
})

test('whoever is done, or gone, makes room', () => {
  const { them } = handshakes(8)
  const [one, two] = [socketFrom('a'), socketFrom('a')]
  expect([them.begin(one), them.begin(two)]).toEqual([true, false])
  expect(them.end(one)).toEqual({ stale: false })
  expect(them.begin(two)).toBe(true)
  two.emit('close')
  expect(them.size).toBe(0)
})

test('whoever takes longer than the limit is cut, however busy it is', () => {
  const { them, late } = handshakes()
  const [slow, quick] = [socketFrom('a'), socketFrom('a')]
  them.begin(slow)
  them.begin(quick)
  them.end(quick)
  vi.advanceTimersByTime(4_999)
  expect(late).toEqual([])
  vi.advanceTimersByTime(1)
  expect(late).toEqual([slow])
  expect(slow.destroy).toHaveBeenCalledOnce()
  expect(quick.destroy).not.toHaveBeenCalled()
  expect(them.size).toBe(0)
})

test('those under way when the certificate is renewed are known by it', () => {
  const { them } = handshakes()
  const [old, young] = [socketFrom('a'), socketFrom('b')]
  them.begin(old)
  them.age()
  them.begin(young)
  expect([them.end(old), them.end(young)]).toEqual([{ stale: true }, { stale: false }])
})
