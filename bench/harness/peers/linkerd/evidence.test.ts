import { expect, test } from 'vitest'
import { encryptedConnections } from './evidence.ts'

const outbound = 'tcp_open_total{direction="outbound",peer="dst",target_addr="10.77.200.1:8080"'
const encrypted = `${outbound},tls="true",server_id="server.bench"} 3`
const fromApplication = 'tcp_open_total{direction="outbound",peer="src",tls="no_identity"} 3'
const inbound = 'tcp_open_total{direction="inbound",peer="dst",tls="loopback"} 1'

test('is the line that counts TLS connections to the server', () => {
  const metrics = ['# TYPE tcp_open_total counter', fromApplication, inbound, encrypted].join('\n')
  expect(encryptedConnections(metrics)).toBe(encrypted)
})

test.each([
  ['nothing is counted', ''],
  ['only the application’s side is counted', `${fromApplication}\n${inbound}`],
  ['it counts none', `${outbound},tls="true"} 0`],
])('is refused when %s', (_, metrics) => {
  expect(() => encryptedConnections(metrics)).toThrow('counts no TLS connection')
})

test('is refused when any connection had no TLS', () => {
  const plain = `${outbound},tls="no_identity",no_tls_reason="not_provided_by_service_discovery"} 1`
  expect(() => encryptedConnections(`${encrypted}\n${plain}`)).toThrow('without TLS')
})
