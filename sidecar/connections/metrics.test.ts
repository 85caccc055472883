import { describe, expect, it } from 'vitest'
import { identity, ip, workload } from '#mesh/testing/mesh.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { settledView } from '../testing/pictures.ts'
import { Connections } from './connections.ts'
import { connectionMetrics } from './metrics.ts'

const web = workload('web', ['10.77.0.1'])

function measured() {
  const registry = createMetrics()
  const view = settledView({ workloads: [web] })
  const metrics = connectionMetrics(registry, () => connections.size)
  const connections: Connections = new Connections({ view, ...metrics })
  const value = async (name: string): Promise<string[]> =>
    (await registry.getSingleMetricAsString(name)).split('\n').filter((line) => line && !line.startsWith('#'))
  return { connections, value, registry }
}

describe('metrics', () => {
  it('count a connection at both its ends, with its bytes and who proved to be where', async () => {
    const { connections, value } = measured()
    const record = connections.open('inbound', { ip: ip('10.77.0.1') })
    record.peer = web.identity
    record.destinationWorkload = workload('self', [])
    record.connected()
    record.carried.sent = 5
    record.carried.received = 8
    expect(await value('weft_connections')).toEqual(['weft_connections 1'])
    record[Symbol.dispose]()
    const labels = [
      'reporter="destination"',
      'source_workload="web"',
      'source_principal="spiffe://cluster.local/ns/shop/sa/web"',
      'destination_workload="self"',
      'connection_security_policy="mutual_tls"',
    ]
    for (const [name, count] of [
      ['istio_tcp_connections_opened_total', 1],
      ['istio_tcp_connections_closed_total', 1],
      ['istio_tcp_received_bytes_total', 5],
      ['istio_tcp_sent_bytes_total', 8],
    ] as const) {
      const [line, ...more] = await value(name)
      expect(more).toEqual([])
      expect(line).toMatch(new RegExp(` ${count}$`))
      for (const label of labels) expect(line).toContain(label)
    }
    expect(await value('weft_connections')).toEqual(['weft_connections 0'])
    expect((await value('weft_connect_seconds')).join('\n')).toContain(
      'weft_connect_seconds_count{direction="inbound"} 1',
    )
  })

  it('count a refusal by reason and policy, and not as a connection', async () => {
    const { connections, value } = measured()
    const record = connections.open('inbound', { ip: ip('10.77.0.9') })
    record.refusal = {
      kind: 'policy',
      reason: { kind: 'deny_matched', by: { policy: 'shop/deny', rule: 0 } },
    }
    record[Symbol.dispose]()
    expect(await value('weft_connections_refused_total')).toEqual([
      'weft_connections_refused_total{direction="inbound",reason="deny_matched",policy="shop/deny"} 1',
    ])
    expect(await value('istio_tcp_connections_opened_total')).toEqual([])
  })

  it('count plaintext from a meshed pod’s address, and of nobody else', async () => {
    const { connections, value } = measured()
    connections.open('inbound', { ip: ip('10.77.0.1') })[Symbol.dispose]()
    connections.open('inbound', { ip: ip('10.78.0.1') })[Symbol.dispose]()
    connections.open('outbound', { ip: ip('10.77.0.1') })[Symbol.dispose]()
    const proved = connections.open('inbound', { ip: ip('10.77.0.1') })
    proved.peer = identity('web')
    proved[Symbol.dispose]()
    expect(await value('weft_plaintext_from_mesh_total')).toEqual(['weft_plaintext_from_mesh_total 1'])
  })

  it('count what a dry-run policy would have denied', async () => {
    const { connections, value } = measured()
    const record = connections.open('inbound', { ip: ip('10.77.0.9') })
    const dry = { kind: 'deny_matched', by: { policy: 'shop/dry', rule: 0 } } as const
    record.tryOut([dry])
    record.tryOut([dry, { kind: 'no_allow_matched', policies: ['shop/a', 'shop/b'] }])
    record[Symbol.dispose]()
    expect(await value('weft_dry_run_denials_total')).toEqual([
      'weft_dry_run_denials_total{policy="shop/dry"} 1',
      'weft_dry_run_denials_total{policy="shop/a"} 1',
    ])
  })

  it('have no label that names an address', async () => {
    const { connections, registry } = measured()
    const record = connections.open('inbound', { ip: ip('10.78.0.1'), port: 4_321 })
    record.connected()
    record[Symbol.dispose]()
    expect(await registry.metrics()).not.toMatch(/10\.78\.0\.1|4321/)
  })
})
