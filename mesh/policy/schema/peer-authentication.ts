import * as v from 'valibot'
import type { PeerAuthentication } from '../documents.ts'
import { namespaceName, resourceName } from './identity.ts'
import { knownFields } from './known-fields.ts'
import { byPort } from './network.ts'
import { selector } from './selector.ts'
import { oneOf } from './value.ts'

const mode = oneOf(['Strict', 'Permissive'], {
  disable:
    'cannot be switched off: between meshed workloads there is always mutual TLS; write Permissive to let plaintext in as well',
  unset: 'is never inherited; write Strict or Permissive',
})

export const peerAuthentication = v.pipe(
  knownFields(
    {
      kind: v.literal('PeerAuthentication'),
      name: resourceName,
      namespace: namespaceName,
      selector: v.optional(selector),
      mode,
      ports: v.optional(byPort(mode), {}),
    },
    {
      example: { name: 'default', namespace: 'shop', mode: 'Strict' },
      refused: {
        mtls: 'is written mode: Strict or mode: Permissive here',
        portLevelMtls: 'is written ports: { 8080: Permissive } here',
      },
    },
  ),
  v.transform(({ selector, ...fields }): PeerAuthentication => ({ selector, ...fields })),
)
