import type { V1NetworkPolicy, V1Pod } from '@kubernetes/client-node'
import { describe, expect, it } from 'vitest'
import { expiryMetrics } from './certificates.ts'
import { networkPolicyFacts } from './network.ts'
import { podFacts } from './pods.ts'
import { policyFacts } from './policies.ts'

describe('a pod', () => {
  it('is meshed when its spec has the native sidecar, whatever its annotations say', () => {
    const container = { name: 'weft-proxy', image: 'weft/sidecar:1' }
    expect(
      mesh({ spec: { initContainers: [{ ...container, restartPolicy: 'Always' }], containers: [] } }),
    ).toMatchObject({ kind: 'meshed', image: 'weft/sidecar:1' })
    expect(mesh({ spec: { initContainers: [container], containers: [] } })).toEqual({ kind: 'unmeshed' })
    expect(mesh({ spec: { containers: [container] } })).toEqual({ kind: 'unmeshed' })
    expect(mesh({ metadata: { annotations: { 'weft.dev/inject': 'true' } } })).toEqual({ kind: 'unmeshed' })
  })

  it.each<[what: string, states: object[], state: object]>([
    ['ready', [{ name: 'weft-proxy', ready: true }], { kind: 'ready' }],
    [
      'with redirection that failed',
      [{ name: 'weft-init', state: { terminated: { exitCode: 1, message: 'no iptables\n' } } }],
      { kind: 'redirection-failed', message: 'no iptables' },
    ],
    [
      'with redirection that is to be tried again',
      [
        {
          name: 'weft-init',
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 2 } },
        },
      ],
      { kind: 'redirection-failed', message: 'it ended with status 2' },
    ],
    [
      'with redirection that worked the second time',
      [
        {
          name: 'weft-init',
          state: { terminated: { exitCode: 0 } },
          lastState: { terminated: { exitCode: 2 } },
        },
        { name: 'weft-proxy', ready: false, started: false },
      ],
      { kind: 'waiting', message: 'it has not started yet' },
    ],
    [
      'whose image cannot be pulled',
      [{ name: 'weft-proxy', ready: false, state: { waiting: { reason: 'ErrImagePull', message: 'no' } } }],
      { kind: 'waiting', message: 'ErrImagePull, no' },
    ],
    ['that nobody has started', [], { kind: 'waiting', message: 'it is not ready' }],
  ])('%s', (_, initContainerStatuses, state) => {
    const spec = { initContainers: [{ name: 'weft-proxy', restartPolicy: 'Always' }], containers: [] }
    expect(mesh({ spec, status: { initContainerStatuses } as NonNullable<V1Pod['status']> })).toMatchObject({
      state,
    })
  })

  it.each([
    [{ kind: 'ReplicaSet', name: 'backend-7d9f', controller: true }, 'deployment/backend'],
    [{ kind: 'ReplicaSet', name: 'by-hand', controller: true }, 'replicaset/by-hand'],
    [{ kind: 'StatefulSet', name: 'db', controller: true }, 'statefulset/db'],
    [{ kind: 'Job', name: 'once', controller: true }, 'job/once'],
    [{ kind: 'Node', name: 'node-a' }, 'pod/backend-7d9f-x'],
  ])('of %j is of %s', (owner, expected) => {
    const labels = { 'pod-template-hash': '7d9f' }
    const ownerReferences = [{ apiVersion: 'v1', uid: '1', ...owner }]
    expect(podFacts({ metadata: { name: 'backend-7d9f-x', labels, ownerReferences } }).owner).toBe(expected)
  })

  it.each([
    [{ labels: { 'weft.dev/inject': 'false' } }, 'out'],
    [{ annotations: { 'weft.dev/inject': 'false' } }, 'out'],
    [{ labels: { 'weft.dev/inject': 'true' } }, 'in'],
    [{ annotations: { 'weft.dev/inject': 'true' } }, 'in'],
    [{}, undefined],
  ])('with %j asks for: %s', (metadata, asks) => {
    expect(podFacts({ metadata }).asks).toBe(asks)
  })

  it.each([
    [{}, false],
    [{ nodeSelector: { 'kubernetes.io/os': 'linux' } }, false],
    [{ nodeSelector: { 'kubernetes.io/os': 'windows' } }, true],
    [{ os: { name: 'windows' } }, true],
  ])('with %j is for Windows: %s', (spec, expected) => {
    expect(podFacts({ spec: { ...spec, containers: [] } }).forWindows).toBe(expected)
  })
})

describe('a NetworkPolicy', () => {
  const written = (spec: NonNullable<V1NetworkPolicy['spec']>): V1NetworkPolicy => ({ spec })

  it('is about ingress, and about egress where it has rules for it, unless it says', () => {
    expect(networkPolicyFacts(written({ podSelector: {} }))).toMatchObject({ ingress: [], egress: undefined })
    expect(networkPolicyFacts(written({ egress: [{}] }))).toMatchObject({
      ingress: [],
      egress: [{ ports: undefined }],
    })
    expect(networkPolicyFacts(written({ policyTypes: ['Egress'] }))).toMatchObject({
      ingress: undefined,
      egress: [],
    })
  })

  it('keeps ports, ranges of ports, and whether peers are ranges only', () => {
    const rules = {
      ingress: [
        {
          from: [{ ipBlock: { cidr: '10.0.0.0/8' } }],
          ports: [{ port: 80 }, { protocol: 'UDP', port: 1, endPort: 9 }],
        },
        { from: [{ ipBlock: { cidr: '10.0.0.0/8' } }, { podSelector: {} }], ports: [] },
      ],
    }
    expect(networkPolicyFacts(written(rules)).ingress).toEqual([
      {
        onlyRanges: true,
        ports: [
          { protocol: 'TCP', port: 80, endPort: undefined },
          { protocol: 'UDP', port: 1, endPort: 9 },
        ],
      },
      { onlyRanges: false, ports: undefined },
    ])
  })
})

describe('a policy', () => {
  const condition = { type: 'Accepted', status: 'False', message: 'no', observedGeneration: 2 }
  const policy = (generation: number) => ({
    metadata: { namespace: 'shop', name: 'a', generation },
    spec: { action: 'Deny', dryRun: true },
    status: { workloads: 3, conditions: [condition] },
  })

  it('is judged by what was said of it as it is now', () => {
    expect(policyFacts('AuthorizationPolicy', policy(2))).toEqual({
      kind: 'AuthorizationPolicy',
      namespace: 'shop',
      name: 'a',
      says: 'Deny, dry run',
      workloads: 3,
      accepted: { status: 'False', message: 'no' },
    })
  })

  it('is not judged by what was said of an older version', () => {
    expect(policyFacts('AuthorizationPolicy', policy(3)).accepted).toBeUndefined()
  })
})

it('reads when certificates end out of the control plane’s metrics', () => {
  const text = [
    '# TYPE weft_authority_expiry_timestamp_seconds gauge',
    'weft_authority_expiry_timestamp_seconds{certificate="root"} 2100000000',
    'weft_authority_expiry_timestamp_seconds{certificate="issuer"} 1.8e+9',
    'weft_other{certificate="serving"} 1',
  ].join('\n')
  expect(expiryMetrics(text)).toEqual([
    ['root', 2_100_000_000_000],
    ['issuer', 1_800_000_000_000],
  ])
})

function mesh(pod: V1Pod) {
  return podFacts(pod).mesh
}
