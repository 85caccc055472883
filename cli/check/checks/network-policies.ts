import { selects } from '#mesh/label-selector.ts'
import { ports as meshPorts } from '#mesh/ports.ts'
import type { Facts, NetworkPolicyFacts, NetworkRule, PodFacts } from '../facts.ts'
import { count, type Finding, ok, unseen } from '../finding.ts'
import { leftOut } from './unmeshed.ts'

const check = 'network-policies'
const tunnel = meshPorts.hbone

/** NetworkPolicies that name ports of applications, where on the wire there is one port only: the tunnel's. */
export function checkNetworkPolicies(facts: Facts): Finding[] {
  const { networkPolicies, pods } = facts
  if (networkPolicies.kind === 'hidden') return [unseen(check, 'NetworkPolicies', networkPolicies.why)]
  if (networkPolicies.kind === 'absent' || pods.kind !== 'seen') return []
  const isLeftOut = leftOut(facts)
  const concerned = pods.value.filter((pod) => pod.mesh.kind === 'meshed' || isLeftOut(pod))
  const findings = networkPolicies.value.flatMap((policy) => {
    const held = concerned.filter((pod) => isHeld(pod, policy))
    if (held.length === 0) return []
    return [
      ...blockedRules(policy, 'ingress'),
      ...blockedRules(policy, 'egress'),
      ...blockedControlPlane(policy, held, facts),
    ]
  })
  const system = systemFindings(facts)
  if (findings.length + system.length > 0) return [...system, ...findings]
  return [ok(check, `none closes port ${tunnel} between meshed pods`)]
}

function blockedRules(policy: NetworkPolicyFacts, direction: 'ingress' | 'egress'): Finding[] {
  return (policy[direction] ?? []).flatMap((rule, index) => {
    if (!opensApplicationsOnly(rule, direction)) return []
    const patch = [
      {
        op: 'add',
        path: `/spec/${direction}/${index}/ports/-`,
        value: { protocol: 'TCP', port: tunnel },
      },
    ]
    const { namespace, name } = policy
    return [
      {
        check,
        level: 'problem' as const,
        message:
          `NetworkPolicy ${namespace}/${name} opens ports of meshed pods in ${direction} rule ${index}, but not ` +
          `${tunnel}, which is what meshed pods talk on`,
        remedy:
          `the patch opens the tunnel to those peers, and with it every port ${direction === 'ingress' ? 'of these pods' : 'there'} that ` +
          'weft’s own policies allow: write an AuthorizationPolicy for what the ports said',
        commands: [
          `kubectl -n ${namespace} patch networkpolicy ${name} --type=json -p='${JSON.stringify(patch)}'`,
        ],
      },
    ]
  })
}

/** A policy of egress that is alone with others in not opening the way to the control plane. */
function blockedControlPlane(
  policy: NetworkPolicyFacts,
  held: readonly PodFacts[],
  { networkPolicies, namespace: own }: Facts,
): Finding[] {
  if (policy.egress === undefined || networkPolicies.kind !== 'seen') return []
  const port = meshPorts.controlPlane
  const cut = held.filter(
    (pod) =>
      !networkPolicies.value.some(
        (other) => isHeld(pod, other) && (other.egress ?? []).some((rule) => opens(rule, port)),
      ),
  )
  if (cut.length === 0) return []
  const rule = {
    to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': own } } }],
    ports: [{ protocol: 'TCP', port }],
  }
  const patch =
    policy.egress.length === 0
      ? [{ op: 'add', path: '/spec/egress', value: [rule] }]
      : [{ op: 'add', path: '/spec/egress/-', value: rule }]
  const { namespace, name } = policy
  return [
    {
      check,
      level: 'problem',
      message: `NetworkPolicy ${namespace}/${name} keeps ${count(cut.length, 'meshed pod')} from port ${port} of the control plane, without which they do not start`,
      remedy: 'the patch opens that port of that namespace to them',
      commands: [
        `kubectl -n ${namespace} patch networkpolicy ${name} --type=json -p='${JSON.stringify(patch)}'`,
      ],
    },
  ]
}

/** A rule that names TCP ports, and not the tunnel's. Egress to ranges, DNS and the control plane leads to nobody in it. */
function opensApplicationsOnly({ ports, onlyRanges }: NetworkRule, direction: 'ingress' | 'egress'): boolean {
  const tcp = (ports ?? []).filter(({ protocol }) => protocol === 'TCP')
  if (ports === undefined || tcp.length === 0 || opens({ ports, onlyRanges }, tunnel)) return false
  return (
    direction === 'ingress' ||
    !(onlyRanges || tcp.every(({ port }) => port === 53 || port === meshPorts.controlPlane))
  )
}

/** Whether the control plane and the injector can be reached past the NetworkPolicies of their own namespace. */
function systemFindings({ networkPolicies, pods, namespace }: Facts): Finding[] {
  if (networkPolicies.kind !== 'seen' || pods.kind !== 'seen') return []
  const needed = [
    { component: 'control-plane', port: meshPorts.controlPlane, who: 'sidecars' },
    { component: 'injector', port: meshPorts.webhook, who: 'the API server' },
  ]
  return needed.flatMap(({ component, port, who }) => {
    const pod = pods.value.find(
      (one) => one.namespace === namespace && one.labels['app.kubernetes.io/component'] === component,
    )
    if (!pod) return []
    const holding = networkPolicies.value.filter(
      (policy) => policy.ingress !== undefined && isHeld(pod, policy),
    )
    const open = holding.some(({ ingress = [] }) => ingress.some((rule) => opens(rule, port)))
    if (holding.length === 0 || open) return []
    return [
      {
        check,
        level: 'problem' as const,
        message: `NetworkPolicy ${namespace}/${holding.map(({ name }) => name).join(', ')} keeps ${who} from port ${port} of weft-${component}`,
        remedy: 'open that port to everybody: whoever connects there has to prove who they are',
        commands: [`kubectl -n ${namespace} edit networkpolicy ${holding[0]!.name}`],
      },
    ]
  })
}

function isHeld(pod: PodFacts, { namespace, podSelector }: NetworkPolicyFacts): boolean {
  return pod.namespace === namespace && selects(podSelector, pod.labels)
}

function opens({ ports }: NetworkRule, wanted: number): boolean {
  if (ports === undefined) return true
  return ports.some(({ protocol, port, endPort }) => {
    if (protocol !== 'TCP') return false
    if (port === undefined) return true
    return typeof port === 'number' && port <= wanted && wanted <= (endPort ?? port)
  })
}
