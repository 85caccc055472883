import * as v from 'valibot'
import { namespaceName } from '#mesh/policy/schema/identity.ts'
import { knownFields } from '#mesh/policy/schema/known-fields.ts'
import { port } from '#mesh/policy/schema/network.ts'
import { flag } from '#mesh/policy/schema/value.ts'
import type { RegistryService, RegistryServicePort } from '../../../model/registry-state.ts'
import { addresses, label, labels, listOf } from './fields.ts'

const servicePort = v.pipe(
  knownFields({ name: v.optional(label), port, targetPort: v.optional(port) }, { example: { port: '80' } }),
  v.transform(
    ({ name = '', port, targetPort = port }): RegistryServicePort => ({
      name,
      port,
      targetPort,
    }),
  ),
)

/** An entry of the section `services`. */
export const service = v.pipe(
  knownFields(
    {
      name: label,
      namespace: namespaceName,
      addresses: v.optional(addresses, []),
      selector: v.optional(labels, {}),
      publishNotReadyAddresses: v.optional(flag, false),
      ports: v.optional(
        listOf(servicePort, 'ports such as [{ name: http, port: 80, targetPort: 8080 }]'),
        [],
      ),
    },
    { example: { name: 'backend', namespace: 'shop' } },
  ),
  v.check(
    ({ addresses, ports }) => addresses.length === 0 || ports.length > 0,
    'has addresses but no ports; write for example ports: [{ port: 80, targetPort: 8080 }]',
  ),
  v.transform(
    ({ addresses, ...fields }): RegistryService => ({
      ...fields,
      hostname: `${fields.name}.${fields.namespace}.svc.cluster.local`,
      addresses: addresses.map((ip) => ({ network: '', ip })),
    }),
  ),
)
