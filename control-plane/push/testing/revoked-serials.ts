import { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret.ts'
import type { DeltaDiscoveryResponse } from '#proto/envoy/service/discovery/v3/discovery.ts'
import { parseRevocations } from '#sidecar/view/revocations.ts'

/** The serials that a response's trust bundle takes back. */
export function revokedSerials({ resources }: DeltaDiscoveryResponse): string[] {
  const { type } = Secret.decode(resources[0]!.resource!.value)
  const crl = type?.$case === 'validationContext' ? type.value.crl?.specifier : undefined
  return crl === undefined ? [] : [...parseRevocations(Buffer.from(crl.value).toString())]
}
