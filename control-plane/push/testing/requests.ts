import { DeltaDiscoveryRequest } from '#proto/envoy/service/discovery/v3/discovery.ts'

/** An encoded request for tests, empty but for what is given. */
export function request(parts: Partial<DeltaDiscoveryRequest>): Buffer {
  const message = {
    node: undefined,
    typeUrl: '',
    resourceNamesSubscribe: [],
    resourceNamesUnsubscribe: [],
    initialResourceVersions: new Map(),
    responseNonce: '',
    errorDetail: undefined,
    ...parts,
  }
  return Buffer.from(DeltaDiscoveryRequest.encode(message).finish())
}
