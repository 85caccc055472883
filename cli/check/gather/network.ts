import type { V1ConfigMap, V1NetworkPolicy, V1NetworkPolicyPort } from '@kubernetes/client-node'
import { labelSelector } from '#mesh/label-selector.ts'
import type { Connection } from '../../kubernetes/connection.ts'
import { mapSeen } from '../../kubernetes/seen.ts'
import type { Facts, NetworkPolicyFacts, NetworkRule } from '../facts.ts'

type NetworkFacts = Pick<Facts, 'networkPolicies' | 'cilium' | 'calico'>

/** What network plugins do beside the mesh. */
export async function gatherNetwork(connection: Connection): Promise<NetworkFacts> {
  const [policies, cilium, calico] = await Promise.all([
    connection.list<V1NetworkPolicy>('/apis/networking.k8s.io/v1/networkpolicies'),
    connection.get<V1ConfigMap>('/api/v1/namespaces/kube-system/configmaps/cilium-config'),
    connection.get<{ spec?: Record<string, unknown> }>(
      '/apis/crd.projectcalico.org/v1/felixconfigurations/default',
    ),
  ])
  return {
    networkPolicies: mapSeen(policies, (list) => list.map(networkPolicyFacts)),
    cilium: mapSeen(cilium, ({ data = {} }) => data),
    calico: mapSeen(calico, ({ spec = {} }) => spec),
  }
}

export function networkPolicyFacts({ metadata, spec }: V1NetworkPolicy): NetworkPolicyFacts {
  const { ingress = [], egress = [], policyTypes } = spec ?? {}
  // Without types it is about ingress, and about egress where there are rules for it.
  const types = policyTypes ?? ['Ingress', ...(egress.length > 0 ? ['Egress'] : [])]
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    podSelector: labelSelector(spec?.podSelector),
    ingress: types.includes('Ingress')
      ? ingress.map(({ _from, ...rule }) => networkRule(rule.ports, peers(rule, _from)))
      : undefined,
    egress: types.includes('Egress')
      ? egress.map(({ ports, to }) => networkRule(ports, to ?? []))
      : undefined,
  }
}

/** The client's type calls `from` what JSON does not. */
function peers(
  rule: object,
  typed: readonly { ipBlock?: unknown }[] | undefined,
): readonly { ipBlock?: unknown }[] {
  return typed ?? (rule as { from?: readonly { ipBlock?: unknown }[] }).from ?? []
}

function networkRule(
  ports: readonly V1NetworkPolicyPort[] | undefined,
  peers: readonly { ipBlock?: unknown }[],
): NetworkRule {
  const named = ports?.map(({ protocol = 'TCP', port, endPort }) => ({ protocol, port, endPort }))
  return {
    ports: named === undefined || named.length === 0 ? undefined : named,
    onlyRanges: peers.length > 0 && peers.every(({ ipBlock }) => ipBlock !== undefined),
  }
}
