import { expect, test } from 'vitest'
import { encryptedConnections } from './evidence.ts'

const opened = 'istio_tcp_connections_opened_total{reporter="source"'
const encrypted = `${opened},source_workload="client",connection_security_policy="mutual_tls"} 2`
const plain = `${opened},source_workload="client",connection_security_policy="unknown"} 1`
const received =
  'istio_tcp_connections_opened_total{reporter="destination",connection_security_policy="unknown"} 9'

test('counts the connections that the client opened', () => {
  const other = encrypted.replace('client', 'other')
  expect(encryptedConnections([encrypted, other, received].join('\n'))).toContain('4 of 4')
})

test.each([
  ['there was none', '', '0 of 0'],
  ['one was in the clear', `${encrypted}\n${plain}`, '2 of 3'],
  ['others opened them', received, '0 of 0'],
])('is refused when %s', (_, metrics, counts) => {
  expect(() => encryptedConnections(metrics)).toThrow(counts)
})
