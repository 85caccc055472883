import type { Authorization } from '#mesh/policy/authorization.ts'
import type { Service, Workload } from '#mesh/workload.ts'
import type { DeltaDiscoveryResponse, Resource } from '#proto/envoy/service/discovery/v3/discovery.ts'
import type { Update } from '../view/view.ts'
import { decodeAddress, decodeAuthorization, decodeSettings, decodeTrustBundle } from './decode.ts'

export const typeUrls = {
  settings: 'type.googleapis.com/weft.mesh.v1alpha1.MeshSettings',
  trust: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
  authorization: 'type.googleapis.com/istio.security.Authorization',
  address: 'type.googleapis.com/istio.workload.Address',
} as const

export type TypeUrl = (typeof typeUrls)[keyof typeof typeUrls]

export interface Decoded {
  readonly update: Update
  /** Name to version, of what was accepted. */
  readonly versions: ReadonlyMap<string, string>
  /** Aliases that the response answers, besides the names. */
  readonly aliases: readonly string[]
  /** One sentence a refused resource, naming it. Those keep their last good version; the others apply. */
  readonly refused: readonly string[]
}

/** What a response changes in the view. Never throws. */
export function decodeResponse(response: DeltaDiscoveryResponse, trustDomain: string): Decoded {
  const workloads: Workload[] = []
  const services: Service[] = []
  const authorizations: Authorization[] = []
  const versions = new Map<string, string>()
  const refused: string[] = []
  let rest: Pick<Update, 'settings' | 'trust'> = {}

  const take = ({ name, resource }: Resource): void => {
    const bytes = resource?.value ?? new Uint8Array()
    switch (response.typeUrl) {
      case typeUrls.address: {
        const address = decodeAddress(bytes)
        const key = address.kind === 'workload' ? address.workload.uid : address.service.key
        requireName(name, key)
        if (address.kind === 'workload') workloads.push(address.workload)
        else services.push(address.service)
        return
      }
      case typeUrls.authorization: {
        const authorization = decodeAuthorization(bytes)
        requireName(name, authorization.key)
        authorizations.push(authorization)
        return
      }
      case typeUrls.trust: {
        const trust = decodeTrustBundle(bytes)
        requireName(name, trust.trustDomain)
        // Other trust domains' bundles are not ours to believe yet.
        if (trust.trustDomain === trustDomain) rest = { ...rest, trust }
        return
      }
      case typeUrls.settings:
        rest = { ...rest, settings: decodeSettings(bytes) }
        return
      default:
        throw new Error(`nobody asked for resources of type ${response.typeUrl}`)
    }
  }
  for (const resource of response.resources) {
    try {
      take(resource)
      versions.set(resource.name, resource.version)
    } catch (error) {
      refused.push(`${resource.name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const removed = response.removedResources
  return {
    update: {
      ...rest,
      workloads,
      services,
      authorizations,
      ...(response.typeUrl === typeUrls.address ? { removedAddresses: removed } : {}),
      ...(response.typeUrl === typeUrls.authorization ? { removedAuthorizations: removed } : {}),
    },
    versions,
    aliases: response.resources.flatMap((resource) => resource.aliases),
    refused,
  }
}

/** A resource that calls itself otherwise than its envelope could never be removed again. */
function requireName(name: string, own: string): void {
  if (name !== own) throw new Error(`it calls itself ${own}`)
}
