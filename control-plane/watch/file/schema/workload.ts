import { createHash } from 'node:crypto'
import * as v from 'valibot'
import { namespaceName } from '#mesh/policy/schema/identity.ts'
import { knownFields } from '#mesh/policy/schema/known-fields.ts'
import { port } from '#mesh/policy/schema/network.ts'
import { flag } from '#mesh/policy/schema/value.ts'
import type { RegistryWorkload } from '../../../model/registry-state.ts'
import { addresses, byName, label, labels, subdomain } from './fields.ts'

/** What Kubernetes calls the only cluster; sidecars know it as their cluster id. */
const clusterId = 'Kubernetes'

/** An entry of the section `workloads`. */
export const workload = v.pipe(
  knownFields(
    {
      name: subdomain,
      namespace: namespaceName,
      serviceAccount: v.optional(subdomain, 'default'),
      addresses: v.pipe(addresses, v.minLength(1, 'is empty; write the addresses of the pod')),
      labels: v.optional(labels, {}),
      meshed: v.optional(flag),
      ready: v.optional(flag, true),
      hostNetwork: v.optional(flag, false),
      node: v.optional(subdomain),
      region: v.optional(label),
      zone: v.optional(label),
      ports: v.optional(byName(port, '{ http: 8080 }')),
    },
    { example: { name: 'frontend-1', namespace: 'shop', addresses: '[10.77.0.11]' } },
  ),
  v.check(
    ({ meshed, hostNetwork }) => !(meshed === true && hostNetwork),
    "cannot be meshed with hostNetwork: true, because redirection would be the whole node's; leave one of them out",
  ),
  v.transform(
    ({ meshed, node = '', region = '', zone = '', ports = new Map(), ...fields }): RegistryWorkload => {
      return {
        ...fields,
        clusterId,
        node,
        podUid: podUid(fields),
        meshed: meshed ?? !fields.hostNetwork,
        locality: { region, zone, subzone: '' },
        owner: { type: 'pod', name: fields.name },
        ports,
      }
    },
  ),
)

/** A pod keeps its service account and addresses for life, so an entry that changes them is another pod. */
function podUid(pod: Pick<RegistryWorkload, 'namespace' | 'name' | 'serviceAccount' | 'addresses'>): string {
  const parts = [pod.namespace, pod.name, pod.serviceAccount, ...pod.addresses.toSorted()]
  const hex = createHash('sha256').update(parts.join('\n')).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
