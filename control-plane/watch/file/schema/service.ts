import * as v from 'valibot'
import { namespaceName } from '#mesh/policy/schema/identity.ts'
import { knownFields } from '#mesh/policy/schema/known-fields.ts'
import { flag, oneOf, refuse, value } from '#mesh/policy/schema/value.ts'
import { kindOf } from '#mesh/policy/schema/written.ts'
import type { SessionAffinity } from '#mesh/workload.ts'
import type { RegistryService } from '../../../model/registry-state.ts'
import { endpoint, withPorts } from './endpoint.ts'
import { addresses, label, labels, listOf } from './fields.ts'
import { servicePorts } from './service-port.ts'

const secondsADay = 86_400

const affinitySeconds = value((written) =>
  typeof written === 'number' && Number.isInteger(written) && written >= 1 && written <= secondsADay
    ? written
    : refuse(`must be a number of seconds, 1 to ${secondsADay}, e.g. 10800; it is ${kindOf(written)}`),
)

/** An entry of the section `services`. */
export const service = v.pipe(
  knownFields(
    {
      name: label,
      namespace: namespaceName,
      addresses: v.optional(addresses, []),
      ingressAddresses: v.optional(addresses, []),
      selector: v.optional(labels, {}),
      endpoints: v.optional(listOf(endpoint, 'endpoints such as [{ address: 192.0.2.10 }]')),
      publishNotReadyAddresses: v.optional(flag, false),
      internalTrafficPolicy: v.optional(oneOf(['Cluster', 'Local']), 'Cluster'),
      trafficDistribution: v.optional(oneOf(['PreferSameZone', 'PreferSameNode', 'PreferClose'])),
      sessionAffinity: v.optional(oneOf(['None', 'ClientIP']), 'None'),
      sessionAffinitySeconds: v.optional(affinitySeconds),
      ports: v.optional(servicePorts, []),
    },
    { example: { name: 'backend', namespace: 'shop' } },
  ),
  v.check(
    ({ addresses, ports }) => addresses.length === 0 || ports.length > 0,
    'has addresses but no TCP ports; write for example ports: [{ port: 80, targetPort: 8080 }]',
  ),
  v.check(
    ({ selector, endpoints }) => endpoints === undefined || Object.keys(selector).length === 0,
    'has both a selector and endpoints; leave one of them out',
  ),
  v.check(
    ({ sessionAffinity, sessionAffinitySeconds: seconds }) =>
      seconds === undefined || sessionAffinity === 'ClientIP',
    'has sessionAffinitySeconds without an affinity; write sessionAffinity: ClientIP beside it',
  ),
  v.transform((written): RegistryService => {
    const { name, namespace, endpoints, ports } = written
    return {
      name,
      namespace,
      hostname: `${name}.${namespace}.svc.cluster.local`,
      addresses: written.addresses.map((ip) => ({ network: '', ip })),
      ingressAddresses: written.ingressAddresses.map((ip) => ({ network: '', ip })),
      selector: written.selector,
      endpoints: endpoints?.map((each) => withPorts(each, ports)),
      publishNotReadyAddresses: written.publishNotReadyAddresses,
      internalTrafficPolicy: written.internalTrafficPolicy === 'Local' ? 'local' : 'cluster',
      trafficDistribution: distributions[written.trafficDistribution ?? 'Any'],
      sessionAffinity: affinity(written.sessionAffinity, written.sessionAffinitySeconds),
      ports,
    }
  }),
)

const distributions = {
  Any: 'any',
  PreferClose: 'prefer-zone',
  PreferSameZone: 'prefer-zone',
  PreferSameNode: 'prefer-node',
} as const

/** Kubernetes' own default is three hours. */
function affinity(kind: 'None' | 'ClientIP', seconds = 10_800): SessionAffinity {
  return kind === 'None' ? { kind: 'none' } : { kind: 'client-ip', seconds }
}
