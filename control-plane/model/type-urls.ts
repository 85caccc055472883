import { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret.ts'
import { Authorization } from '#proto/istio/security/authorization.ts'
import { Address } from '#proto/istio/workload/workload.ts'
import { MeshSettings } from '#proto/weft/mesh/v1alpha1/settings.ts'

/** What the control plane publishes, in the order in which a client must learn of it. */
export const typeUrls = {
  settings: `type.googleapis.com/${MeshSettings.$type}`,
  secret: `type.googleapis.com/${Secret.$type}`,
  authorization: `type.googleapis.com/${Authorization.$type}`,
  address: `type.googleapis.com/${Address.$type}`,
} as const

export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls]

export const publishedTypes: readonly TypeUrl[] = Object.values(typeUrls)
