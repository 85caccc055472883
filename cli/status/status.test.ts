import { describe, expect, it } from 'vitest'
import { facts, namespace, now, pod } from '../check/testing/facts.ts'
import { seen } from '../kubernetes/seen.ts'
import { fakeApiServer } from '../kubernetes/testing/fake-api-server.ts'
import { runWeft } from '../testing/run-weft.ts'
import { describe as describeSummary } from './describe.ts'
import { summarise } from './summarise.ts'

const here = { now, context: undefined, namespace: 'weft-system' }
const waiting = { kind: 'waiting', message: '' } as const
const pods = [
  pod(),
  pod({ name: 'backend-2', mesh: { kind: 'meshed', image: 'weft/sidecar:1.0.0', state: waiting } }),
  pod({ name: 'early', mesh: { kind: 'unmeshed' } }),
  pod({ name: 'agent', hostNetwork: true, mesh: { kind: 'unmeshed' } }),
  pod({ name: 'no', asks: 'out', mesh: { kind: 'unmeshed' } }),
  pod({ namespace: 'plain', name: 'alone', mesh: { kind: 'unmeshed' } }),
  pod({ namespace: 'plain', name: 'own-will' }),
  pod({ namespace: 'nothing', name: 'alone', mesh: { kind: 'unmeshed' } }),
  pod({ namespace: 'asking', name: 'early', asks: 'in', mesh: { kind: 'unmeshed' } }),
]

describe('the mesh at a glance', () => {
  it('counts pods by namespace', () => {
    expect(summarise(facts({ pods: seen(pods) })).namespaces).toEqual([
      { name: 'asking', injected: false, pods: 1, meshed: 0, leftOut: 1, exempt: 0, notReady: 0 },
      { name: 'plain', injected: false, pods: 2, meshed: 1, leftOut: 0, exempt: 1, notReady: 0 },
      { name: 'shop', injected: true, pods: 5, meshed: 2, leftOut: 1, exempt: 2, notReady: 1 },
    ])
  })

  it('leaves out namespaces that the webhook excludes', () => {
    const namespaces = ['shop', 'kube-system', 'weft-system'].map((name) =>
      namespace({ name, injected: true }),
    )
    const mesh = { kind: 'unmeshed' } as const
    const summary = summarise(
      facts({ namespaces: seen(namespaces), pods: seen([pod(), pod({ namespace: 'kube-system', mesh })]) }),
    )
    expect(summary.namespaces).toMatchObject([{ name: 'shop', meshed: 1, leftOut: 0 }])
  })

  it('is a table for people', () => {
    expect(describeSummary(summarise(facts({ pods: seen(pods) })), here)).toBe(`\
weft-control-plane  1 of 1 ready, weft/control-plane:1.0.0
weft-injector       2 of 2 ready, weft/injector:1.0.0
root CN=weft root   good for another 3650d
issuer              good for another 365d
serving             good for another 1d

NAMESPACE  INJECTED  PODS  MESHED  LEFT OUT  EXEMPT  NOT READY
asking     no        1     0       1         0       0
plain      no        2     1       0         1       0
shop       yes       5     2       1         2       1

POLICY                            SAYS   WORKLOADS  IN FORCE
AuthorizationPolicy shop/backend  Allow  1          yes

weft check says what is wrong with pods that are left out or not ready, and what to do`)
  })

  it('says what to type next for the cluster that it is about', () => {
    const elsewhere = { now, context: 'staging', namespace: 'mesh' }
    expect(describeSummary(summarise(facts({ pods: seen(pods) })), elsewhere)).toContain(
      '\nweft check --context staging --namespace mesh says what is wrong',
    )
    const nothing = summarise(facts({ pods: seen([]), namespaces: seen([]) }))
    expect(describeSummary(nothing, elsewhere)).toContain(
      'no namespace is injected: kubectl --context staging label namespace NAME weft.dev/inject=enabled',
    )
  })

  it('says what cannot be seen', () => {
    const hidden = { kind: 'hidden', why: 'forbidden' } as const
    const summary = summarise(facts({ namespaces: hidden, policies: hidden }))
    expect(summary.unseen).toEqual(['namespaces: forbidden', 'policies: forbidden'])
    expect(describeSummary(summary, here)).toContain('not seen: namespaces: forbidden')
    // What is meshed is seen all the same.
    expect(summary.namespaces).toMatchObject([{ name: 'shop', meshed: 1 }])
  })
})

it('answers 1 where weft is not installed', async () => {
  await using api = await fakeApiServer({ 'GET /api/v1/pods': { items: [] } })
  const { status, stdout } = await runWeft(['status', '-o', 'json'], { env: { KUBECONFIG: api.kubeconfig } })
  expect(status).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    components: [{ name: 'weft-control-plane', ready: 0 }, { ready: 0 }],
  })
})
