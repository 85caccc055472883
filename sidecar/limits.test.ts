import { expect, test } from 'vitest'
import { Environment, type EnvironmentError } from '#runtime/env.ts'
import { descriptorsForConnections } from './descriptors.ts'
import { defaultLimits, type Limits, readLimits } from './limits.ts'

function read(variables: Record<string, string>): Limits | readonly string[] {
  const env = new Environment(variables)
  const limits = readLimits(env)
  try {
    env.done()
    return limits
  } catch (error) {
    return (error as EnvironmentError).problems
  }
}

test('limits that nobody sets have their defaults', () => {
  expect(read({})).toEqual(defaultLimits)
})

test('each can be set', () => {
  expect(
    read({
      WEFT_BUFFER_BUDGET: '64Mi',
      WEFT_MAX_OUTBOUND_CONNECTIONS: '1',
      WEFT_MAX_INBOUND_CONNECTIONS: '2',
      WEFT_MAX_INBOUND_TUNNELS: '3',
      WEFT_MAX_HANDSHAKES: '4',
      WEFT_PEER_RESETS_PER_SECOND: '5',
      WEFT_PEER_PENDING_DIALS: '6',
    }),
  ).toEqual({
    bufferBytes: 64 * 1024 ** 2,
    outboundConnections: 1,
    inboundConnections: 2,
    inboundTunnels: 3,
    handshakes: 4,
    peerResetsPerSecond: 5,
    peerPendingDials: 6,
  })
})

test.each(['32', '32MB', '0Mi', '9Gi', '512Ki', '-1Mi', '1.5Gi'])('"%s" is no size', (WEFT_BUFFER_BUDGET) => {
  expect(read({ WEFT_BUFFER_BUDGET })).toEqual([
    `WEFT_BUFFER_BUDGET is "${WEFT_BUFFER_BUDGET}": write a size from 1Mi to 8Gi, such as 32Mi`,
  ])
})

test.each([
  ['Max open files            20000                20000                files', 19_488],
  ['Max open files            100                  4096                 files', 75],
  ['Max open files            unlimited            unlimited            files', Number.POSITIVE_INFINITY],
])('of "%s" connections may take %d', (line, most) => {
  expect(descriptorsForConnections(`Limit  Soft Limit  Hard Limit  Units\n${line}\n`)).toBe(most)
})

test('a kernel that says nothing of it is refused, and this one does not', () => {
  expect(() => descriptorsForConnections('')).toThrow('/proc/self/limits')
  expect(descriptorsForConnections()).toBeGreaterThan(0)
})
