import { describe, expect, it } from 'vitest'
import { createSnapshot } from '#mesh/snapshot.ts'
import type { Workload } from '#mesh/workload.ts'
import { shopText, snapshotOf } from '../testing/shop.ts'
import { explain } from './explain.ts'
import { findSource } from './source.ts'

const deployment = { type: 'deployment', name: 'backend' } as const
const changes: Readonly<Record<string, Partial<Workload>>> = {
  'backend-1': { owner: deployment },
  'backend-2': { owner: deployment },
  'backend-3': { owner: deployment },
  'db-0': { owner: { type: 'pod', name: 'db' } },
  visitor: { owner: { type: 'cronjob', name: 'nightly' } },
  report: { owner: { type: 'deployment', name: 'catalog' } },
}
const file = snapshotOf(shopText)
const shop = createSnapshot({
  ...file,
  workloads: new Map(
    [...file.workloads].map(([uid, workload]) => [uid, { ...workload, ...changes[workload.name] }]),
  ),
})

describe('what makes pods', () => {
  it.each([
    ['deploy/backend', 'backend-1', 2],
    ['Deployment/backend', 'backend-1', 2],
    ['deployment/shop/backend', 'backend-1', 2],
    ['shop/backend', 'backend-1', 2],
    ['backend', 'backend-1', 2],
    ['sts/db', 'db-0', 0],
    ['cj/nightly', 'visitor', 0],
    ['po/backend-2', 'backend-2', 0],
    ['pod/shop/backend-2', 'backend-2', 0],
  ])('%s stands for its pods', (asked, name, others) => {
    const source = findSource(shop, asked)
    expect(source).toMatchObject({ workload: { name } })
    expect('others' in source && source.others).toHaveLength(others)
  })

  it.each([
    'job/nightly',
    'deploy/db',
    'sts/db-0',
    'deploy/office/backend',
    'constructor/backend',
    'a/b/c/d',
    'x/',
  ])('%s is nobody', (asked) => {
    expect(findSource(shop, asked)).toHaveProperty('problem')
  })

  it('is told with the pod that was taken, and a ready one is', () => {
    const owned = changes['backend-1']!
    const workloads = new Map(
      [...shop.workloads].map(([uid, workload]) => [
        uid,
        workload.name === 'backend-1' ? { ...workload, ...owned, health: 'unhealthy' as const } : workload,
      ]),
    )
    expect(findSource(createSnapshot({ ...shop, workloads }), 'deploy/backend')).toMatchObject({
      workload: { name: 'backend-2' },
      notes: ['"deploy/backend" is deployment shop/backend: this is about shop/backend-2, one of its 3 pods'],
    })
  })

  it('comes after a pod of that name, and a namespace decides between two', () => {
    expect(findSource(shop, 'catalog', 'shop')).toMatchObject({ workload: { namespace: 'shop' }, notes: [] })
    expect(findSource(shop, 'office/catalog')).toMatchObject({ workload: { name: 'catalog' } })
    expect(findSource(shop, 'visitor', 'office')).toMatchObject({
      notes: ['nobody in namespace office is named "visitor": this is about shop/visitor'],
    })
  })

  it('is a destination as well: every pod of it', () => {
    const answer = explain(shop, { source: 'frontend-1', destination: 'deploy/backend:8080' })
    if ('problem' in answer) throw new Error(answer.problem)
    expect(answer.outcomes.map(({ workload }) => workload?.name)).toEqual([
      'backend-1',
      'backend-1',
      'backend-2',
      'backend-3',
    ])
    const service = explain(shop, { source: 'frontend-1', destination: 'svc/backend:80' })
    expect(service).toMatchObject({ service: { name: 'backend' }, notes: [] })
  })

  it('whose pods get different answers says which', () => {
    const workloads = new Map(
      [...shop.workloads].map(([uid, workload]) => [
        uid,
        workload.name === 'backend-2' ? { ...workload, tunnel: 'none' as const } : workload,
      ]),
    )
    const mixed = createSnapshot({ ...shop, workloads })
    expect(explain(mixed, { source: 'deploy/backend', destination: 'catalog:80' })).toMatchObject({
      verdict: 'yes',
      notes: expect.arrayContaining(['another answer holds for shop/backend-2 (no): ask for it by name']),
    })
  })
})
