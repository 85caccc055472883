import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { workloadsFile } from './workloads.ts'

test('names every workload once, with all its addresses, and the meshed ones as reached through HBONE', () => {
  const entry = { namespace: 'bench', serviceAccount: 'sa', labels: {}, ready: true }
  const text = workloadsFile([
    { ...entry, name: 'server', addresses: ['10.77.200.1', '10.77.200.2'], meshed: true },
    { ...entry, name: 'outside', addresses: ['10.77.1.9'], meshed: false },
  ])
  expect(parse(text).workloads).toMatchObject([
    {
      uid: 'bench//Pod/bench/server',
      name: 'server',
      namespace: 'bench',
      serviceAccount: 'sa',
      trustDomain: 'cluster.local',
      workloadIps: ['10.77.200.1', '10.77.200.2'],
      protocol: 'HBONE',
    },
    { name: 'outside', workloadIps: ['10.77.1.9'], protocol: 'TCP' },
  ])
})
