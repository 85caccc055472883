import { describe, expect, it } from 'vitest'
import { seen } from '../../kubernetes/seen.ts'
import type { NetworkPolicyFacts, NetworkRule } from '../facts.ts'
import { facts, networkPolicy, pod, rule } from '../testing/facts.ts'
import { checkNetworkPolicies } from './network-policies.ts'

const dns: NetworkRule = {
  onlyRanges: false,
  ports: ['UDP', 'TCP'].map((protocol) => ({ protocol, port: 53, endPort: undefined })),
}
const everyPort: NetworkRule = { ports: undefined, onlyRanges: false }

describe('a NetworkPolicy that names ports of a meshed application', () => {
  it('is told, with the patch', () => {
    expect(check(networkPolicy({ ingress: [everyPort, rule(8080, 'metrics')] }))).toEqual([
      {
        check: 'network-policies',
        level: 'problem',
        message:
          'NetworkPolicy shop/backend opens ports of meshed pods in ingress rule 1, but not 15008, which is what ' +
          'meshed pods talk on',
        remedy:
          'the patch opens the tunnel to those peers, and with it every port of these pods that weft’s own policies ' +
          'allow: write an AuthorizationPolicy for what the ports said',
        commands: [
          `kubectl -n shop patch networkpolicy backend --type=json -p='[{"op":"add","path":"/spec/ingress/1/ports/-","value":{"protocol":"TCP","port":15008}}]'`,
        ],
      },
    ])
  })

  it('is told for each direction and each rule', () => {
    expect(
      problems(networkPolicy({ ingress: [rule(80), rule(443)], egress: [rule(5432), rule(15012)] })),
    ).toHaveLength(3)
  })
})

describe('a NetworkPolicy that keeps a meshed pod from the control plane', () => {
  const rest = (egress: readonly NetworkRule[]) =>
    check(networkPolicy({ egress })).map(({ commands }) => commands?.[0])
  const opening =
    '{"to":[{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"weft-system"}}}],' +
    '"ports":[{"protocol":"TCP","port":15012}]}'
  const patch = (op: string) => `kubectl -n shop patch networkpolicy backend --type=json -p='[${op}]'`

  it('is told, with the patch', () => {
    expect(rest([dns])).toEqual([patch(`{"op":"add","path":"/spec/egress/-","value":${opening}}`)])
    expect(rest([])).toEqual([patch(`{"op":"add","path":"/spec/egress","value":[${opening}]}`)])
  })

  it('is not told when another opens the way', () => {
    const other = networkPolicy({ name: 'other', egress: [rule(15012)] })
    const networkPolicies = seen([networkPolicy({ egress: [dns] }), other])
    expect(checkNetworkPolicies(facts({ networkPolicies }))).toMatchObject([{ level: 'ok' }])
  })
})

describe('nothing is wrong with', () => {
  it.each<[what: string, policy: NetworkPolicyFacts]>([
    ['one that refuses everybody', networkPolicy({ ingress: [] })],
    ['one that says nothing of ports', networkPolicy({ ingress: [everyPort], egress: [everyPort] })],
    ['one that opens the tunnel', networkPolicy({ ingress: [rule(8080, 15008)] })],
    [
      'one that opens a range around it',
      networkPolicy({
        ingress: [{ onlyRanges: false, ports: [{ protocol: 'TCP', port: 1024, endPort: 65535 }] }],
      }),
    ],
    [
      'one that opens every TCP port',
      networkPolicy({
        ingress: [{ onlyRanges: false, ports: [{ protocol: 'TCP', port: undefined, endPort: undefined }] }],
      }),
    ],
    [
      'one about UDP',
      networkPolicy({
        ingress: [{ onlyRanges: false, ports: [{ protocol: 'UDP', port: 53, endPort: undefined }] }],
      }),
    ],
    ['egress to DNS', networkPolicy({ egress: [dns, rule(15012)] })],
    [
      'egress to ranges outside',
      networkPolicy({ egress: [{ ...rule(443), onlyRanges: true }, rule(15012)] }),
    ],
    ['one of another namespace', networkPolicy({ namespace: 'plain', ingress: [rule(80)] })],
    [
      'one that selects other pods',
      networkPolicy({
        podSelector: { matchLabels: { app: 'db' }, matchExpressions: [] },
        ingress: [rule(80)],
      }),
    ],
  ])('%s', (_, policy) => {
    expect(check(policy)).toMatchObject([{ level: 'ok' }])
  })

  it('one that holds on nobody in the mesh', () => {
    const pods = seen([pod({ mesh: { kind: 'unmeshed' }, asks: 'out' })])
    const networkPolicies = seen([networkPolicy({ ingress: [rule(80)] })])
    expect(checkNetworkPolicies(facts({ pods, networkPolicies }))).toMatchObject([{ level: 'ok' }])
  })
})

it('is told of pods that are about to be meshed', () => {
  const pods = seen([pod({ mesh: { kind: 'unmeshed' } })])
  const networkPolicies = seen([networkPolicy({ ingress: [rule(80)] })])
  expect(checkNetworkPolicies(facts({ pods, networkPolicies }))).toMatchObject([{ level: 'problem' }])
})

describe('selectors', () => {
  const expressions = (key: string, operator: string, ...values: string[]): NetworkPolicyFacts =>
    networkPolicy({
      podSelector: { matchLabels: {}, matchExpressions: [{ key, operator, values }] },
      ingress: [rule(80)],
    })

  it.each<[policy: NetworkPolicyFacts, selected: boolean]>([
    [expressions('app', 'In', 'backend', 'other'), true],
    [expressions('app', 'In', 'other'), false],
    [expressions('none', 'In', 'other'), false],
    [expressions('app', 'NotIn', 'other'), true],
    [expressions('app', 'NotIn', 'backend'), false],
    [expressions('none', 'NotIn', 'other'), true],
    [expressions('app', 'Exists'), true],
    [expressions('none', 'Exists'), false],
    [expressions('app', 'DoesNotExist'), false],
    [expressions('none', 'DoesNotExist'), true],
  ])('%j', (policy, selected) => {
    expect(problems(policy)).toHaveLength(selected ? 1 : 0)
  })
})

describe('a NetworkPolicy of the mesh’s own namespace', () => {
  const controlPlane = pod({
    namespace: 'weft-system',
    name: 'weft-control-plane-1',
    labels: { 'app.kubernetes.io/component': 'control-plane' },
    mesh: { kind: 'unmeshed' },
  })
  const system = (ingress: readonly NetworkRule[]) => {
    const policy = networkPolicy({ namespace: 'weft-system', name: 'default-deny', ingress })
    return checkNetworkPolicies(facts({ pods: seen([controlPlane]), networkPolicies: seen([policy]) }))
  }

  it('must not keep sidecars from the control plane', () => {
    expect(system([])).toMatchObject([
      {
        level: 'problem',
        message:
          'NetworkPolicy weft-system/default-deny keeps sidecars from port 15012 of weft-control-plane',
      },
    ])
  })

  it('may let them in', () => {
    expect(system([rule(15012)])).toMatchObject([{ level: 'ok' }])
  })
})

function check(policy: NetworkPolicyFacts) {
  return checkNetworkPolicies(facts({ networkPolicies: seen([policy]) }))
}

function problems(policy: NetworkPolicyFacts) {
  return check(policy).filter(({ level }) => level === 'problem')
}
