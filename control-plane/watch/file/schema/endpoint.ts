import * as v from 'valibot'
import { cidrContains, type IpAddress, parseCidr } from '#mesh/address.ts'
import { knownFields } from '#mesh/policy/schema/known-fields.ts'
import { port } from '#mesh/policy/schema/network.ts'
import { flag } from '#mesh/policy/schema/value.ts'
import type { RegistryEndpoint, RegistryServicePort } from '../../../model/registry-state.ts'
import { address, byName, label, listOf, subdomain } from './fields.ts'

const ownOfEachHost = ['127.0.0.0/8', '169.254.0.0/16', '::1', 'fe80::/10'].map((text) => parseCidr(text)!)

const reachable = v.pipe(
  address,
  v.check(
    (ip: IpAddress) => !ownOfEachHost.some((range) => cidrContains(range, ip)),
    'is another host on every host, so it can be nobody’s endpoint: write an address that leads to one',
  ),
)

/** An entry of a service's `endpoints`, its ports as they are written. */
export const endpoint = knownFields(
  {
    address: reachable,
    ready: v.optional(flag, true),
    node: v.optional(subdomain),
    zone: v.optional(label),
    hints: v.optional(listOf(label, 'zones such as [a]'), []),
    ports: v.optional(byName(port, '{ http: 8080 }')),
  },
  { example: { address: '192.0.2.10' } },
)

/** An endpoint that writes no ports listens where the service's ports say. */
export function withPorts(
  { ports, node = '', zone = '', ...rest }: v.InferOutput<typeof endpoint>,
  servicePorts: readonly RegistryServicePort[],
): RegistryEndpoint {
  const numbered = servicePorts.flatMap(({ name, targetPort }) => {
    return typeof targetPort === 'number' ? [[name, targetPort] as const] : []
  })
  return { ...rest, pod: '', ending: false, node, zone, ports: ports ?? new Map(numbered) }
}
