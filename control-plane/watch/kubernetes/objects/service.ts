import { type IpAddress, parseIp } from '#mesh/address.ts'
import type { Labels } from '#mesh/policy/documents.ts'
import type { RegistryService, RegistryServicePort } from '../../../model/registry-state.ts'
import { type Kept, type Kind, kept, type RawObject } from '../list-watch/kind.ts'

export interface Service extends Kept {
  /** Virtual addresses; none for a headless service. */
  readonly clusterIps: readonly IpAddress[]
  /** Addresses of load balancers that hand connections on unchanged. */
  readonly ingressIps: readonly IpAddress[]
  /** Addresses that its author claims. */
  readonly externalIps: readonly IpAddress[]
  readonly selector: Labels
  readonly publishNotReadyAddresses: boolean
  readonly internalTrafficPolicy: RegistryService['internalTrafficPolicy']
  readonly trafficDistribution: RegistryService['trafficDistribution']
  readonly sessionAffinity: RegistryService['sessionAffinity']
  readonly ports: readonly RegistryServicePort[]
  /** Milliseconds since 1970: of two services that claim one address the older has it. */
  readonly created: number
}

export const services: Kind<Service> = { name: 'services', path: '/api/v1/services', trim: trimService }

/** Undefined for a mere name of something else: who dials it sees that one's own address. */
export function trimService(object: RawObject): Service | undefined {
  const { metadata, spec = {}, status = {} } = object as RawService
  if (spec.type === 'ExternalName') return undefined
  return {
    ...kept(object),
    clusterIps: parseAll(spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])),
    ingressIps: parseAll(ingressOf(status)),
    externalIps: parseAll(spec.externalIPs ?? []),
    selector: spec.selector ?? {},
    publishNotReadyAddresses: spec.publishNotReadyAddresses === true,
    internalTrafficPolicy: spec.internalTrafficPolicy === 'Local' ? 'local' : 'cluster',
    trafficDistribution: distributionOf(spec.trafficDistribution),
    sessionAffinity: affinityOf(spec),
    ports: (spec.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP').map(portOf),
    created: Date.parse(metadata.creationTimestamp ?? '') || 0,
  }
}

interface RawService extends RawObject {
  readonly metadata: RawObject['metadata'] & { readonly creationTimestamp?: string }
  readonly spec?: RawSpec
  readonly status?: RawStatus
}

interface RawSpec {
  readonly type?: string
  readonly clusterIP?: string
  readonly clusterIPs?: readonly string[]
  readonly externalIPs?: readonly string[]
  readonly selector?: Labels
  readonly publishNotReadyAddresses?: boolean
  readonly internalTrafficPolicy?: string
  readonly trafficDistribution?: string
  readonly sessionAffinity?: string
  readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } }
  readonly ports?: readonly RawPort[]
}

interface RawStatus {
  readonly loadBalancer?: { readonly ingress?: readonly { ip?: string; ipMode?: string }[] }
}

interface RawPort {
  readonly name?: string
  readonly port: number
  readonly targetPort?: number | string
  readonly protocol?: string
}

/** A headless service has the word None for an address, which parses to nothing. */
function parseAll(addresses: readonly string[]): IpAddress[] {
  return addresses.flatMap((address) => parseIp(address) ?? [])
}

/** A balancer of mode Proxy does something to connections that going around it would leave out. */
function ingressOf({ loadBalancer }: RawStatus): string[] {
  return (loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) => (ip && ipMode !== 'Proxy' ? [ip] : []))
}

function portOf({ name = '', port, targetPort = port }: RawPort): RegistryServicePort {
  return { name, port, targetPort }
}

function distributionOf(written: string | undefined): RegistryService['trafficDistribution'] {
  switch (written) {
    case 'PreferClose':
    case 'PreferSameZone':
      return 'prefer-zone'
    case 'PreferSameNode':
      return 'prefer-node'
    default:
      return 'any'
  }
}

function affinityOf({ sessionAffinity, sessionAffinityConfig }: RawSpec): RegistryService['sessionAffinity'] {
  if (sessionAffinity !== 'ClientIP') return { kind: 'none' }
  // Three hours, unless the service says otherwise.
  return { kind: 'client-ip', seconds: sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800 }
}
