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

  it('close a connection as they opened it, whoever its peer turned out to be meanwhile', async () => {
    const { connections, value } = measured()
    const record = connections.open('inbound', { ip: ip('10.78.0.1') })
    record.connected()
    record.source = { ...record.source, workload: web }
    record[Symbol.dispose]()
    const [opened, closed] = await Promise.all(
      ['opened', 'closed'].map((what) => value(`istio_tcp_connections_${what}_total`)),
    )
    expect(opened).toEqual([expect.stringContaining('source_workload="unknown"')])
    expect(closed).toEqual(opened!.map((line) => line.replace('opened', 'closed')))
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

  it('tell a thousand sets of labels apart; peers that come later are other, and no connection is lost', async () => {
    const { connections, value } = measured()
    const open = (name: string, direction: 'inbound' | 'outbound' = 'inbound') => {
      const record = connections.open(direction, { ip: ip('10.77.0.1') })
      const job = workload(name, ['10.77.0.1'], { namespace: name })
      if (direction === 'inbound') record.source = { ip: ip('10.77.0.1'), workload: job }
      else record.destinationWorkload = job
      record.peer = identity(name, name)
      record.connected()
      record.carried.sent = 10
      return record
    }
    const first = open('job-0')
    for (let i = 1; i < 1_500; i++) open(`job-${i}`)[Symbol.dispose]()
    // Whoever was there before is told apart on.
    first[Symbol.dispose]()
    for (let i = 0; i < 500; i++) open(`cart-${i}`, 'outbound')[Symbol.dispose]()

    for (const [name, total] of [
      ['istio_tcp_connections_opened_total', 2_000],
      ['istio_tcp_connections_closed_total', 2_000],
      ['istio_tcp_received_bytes_total', 20_000],
    ] as const) {
      const lines = await value(name)
      expect(lines).toHaveLength(1_002)
      const sum = lines.reduce((all, line) => all + Number(/ (\d+)$/.exec(line)![1]), 0)
      expect(sum).toBe(total)
      const others = lines.filter((line) => line.includes('"other"'))
      expect(others).toEqual([
        expect.stringMatching(
          /source_workload="other",source_workload_namespace="other",source_principal="other",.* 5000?$/,
        ),
        expect.stringMatching(
          /destination_workload="other",destination_workload_namespace="other",destination_principal="other",destination_service="other",.* 5000?$/,
        ),
      ])
    }
    expect(await value('weft_label_sets')).toEqual(['weft_label_sets 1000'])
    expect(await value('weft_label_sets_limit')).toEqual(['weft_label_sets_limit 1000'])
  })
})
