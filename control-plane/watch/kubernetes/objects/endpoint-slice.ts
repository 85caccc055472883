import { type IpAddress, parseIp } from '#mesh/address.ts'
import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

/** Some of the endpoints of one service. */
export interface EndpointSlice extends Kept {
  readonly service: string
  /** Numbers of TCP ports by the name of the service's port. */
  readonly ports: ReadonlyMap<string, number>
  readonly endpoints: readonly SliceEndpoint[]
}

export interface SliceEndpoint {
  readonly address: IpAddress
  readonly ready: boolean
  /** Not ready because it ends, and still serving. */
  readonly ending: boolean
  readonly node: string
  readonly zone: string
  readonly hints: readonly string[]
  /** `namespace/name` of the pod that somebody says it is; empty when nobody does. */
  readonly pod: string
  /** Whether somebody says that it is a pod; else it may be anything. */
  readonly ofPod: boolean
}

export const endpointSlices: Kind<EndpointSlice> = {
  name: 'endpointslices',
  path: '/apis/discovery.k8s.io/v1/endpointslices',
  trim: trimEndpointSlice,
}

/** Undefined for a slice that belongs to no service, or that holds names instead of addresses. */
export function trimEndpointSlice(object: RawObject): EndpointSlice | undefined {
  const { metadata, addressType, endpoints, ports } = object as RawSlice
  const service = metadata.labels?.['kubernetes.io/service-name']
  if (!service || addressType === 'FQDN') return undefined
  return {
    ...kept(object),
    service,
    ports: new Map(
      (ports ?? []).flatMap(({ name, port, protocol }) =>
        typeof port === 'number' && (protocol ?? 'TCP') === 'TCP' ? [[name ?? '', port]] : [],
      ),
    ),
    endpoints: (endpoints ?? []).flatMap((endpoint) => trimEndpoint(endpoint, metadata.namespace ?? '')),
  }
}

interface RawSlice extends RawObject {
  readonly metadata: RawObject['metadata'] & { readonly labels?: Readonly<Record<string, string>> }
  readonly addressType?: string
  readonly endpoints?: readonly RawEndpoint[] | null
  readonly ports?: readonly { name?: string | null; port?: number | null; protocol?: string | null }[] | null
}

interface RawEndpoint {
  readonly addresses: readonly string[]
  readonly conditions?: {
    readonly ready?: boolean | null
    readonly serving?: boolean | null
    readonly terminating?: boolean | null
  }
  readonly nodeName?: string
  readonly zone?: string
  readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string }
  readonly hints?: { readonly forZones?: readonly { name: string }[] }
}

/** All addresses of an endpoint mean the same; the first is the one to use. Not said to be ready or not is ready. */
function trimEndpoint(
  { addresses, conditions, targetRef, ...where }: RawEndpoint,
  namespace: string,
): SliceEndpoint[] {
  const address = parseIp(addresses[0] ?? '')
  if (address === undefined) return []
  const { serving, terminating } = conditions ?? {}
  const ready = conditions?.ready ?? true
  const ofPod = targetRef?.kind === 'Pod'
  return [
    {
      address,
      ready,
      ending: !ready && serving === true && terminating === true,
      node: where.nodeName ?? '',
      zone: where.zone ?? '',
      hints: (where.hints?.forZones ?? []).map(({ name }) => name),
      pod: ofPod && targetRef.name ? `${targetRef.namespace ?? namespace}/${targetRef.name}` : '',
      ofPod,
    },
  ]
}
