import { ipToBytes } from '#mesh/address.ts'
import type { MeshSettings } from '#mesh/settings.ts'
import type { PortMapping, Service, Workload } from '#mesh/workload.ts'
import { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret.ts'
import {
  Address,
  AppProtocol,
  type Extension,
  IPFamilies,
  type LoadBalancing,
  LoadBalancing_HealthPolicy,
  LoadBalancing_Mode,
  LoadBalancing_Scope,
  NetworkMode,
  type PortList,
  TunnelProtocol,
  type Service as WireService,
  type Workload as WireWorkload,
  WorkloadStatus,
  WorkloadType,
} from '#proto/istio/workload/workload.ts'
import { ServiceExtension } from '#proto/weft/mesh/v1alpha1/service.ts'
import { Egress, SidecarScope, MeshSettings as WireSettings } from '#proto/weft/mesh/v1alpha1/settings.ts'

/** The roots that clients trust, as the authority has them now. */
export interface TrustBundle {
  readonly trustDomain: string
  /** Concatenated PEM certificates. */
  readonly rootsPem: string
  /** The issuer's revocation list as PEM. */
  readonly crlPem?: string | undefined
}

export function encodeWorkload(workload: Workload): Uint8Array {
  return Address.encode({ type: { $case: 'workload', value: wireWorkload(workload) } }).finish()
}

export function encodeService(service: Service): Uint8Array {
  return Address.encode({ type: { $case: 'service', value: wireService(service) } }).finish()
}

export function encodeSettings(settings: MeshSettings): Uint8Array {
  return WireSettings.encode({
    network: settings.network,
    networks: settings.networks.map(({ bytes, length }) => ({ address: bytes, length })),
    egress: settings.egress === 'passthrough' ? Egress.PASSTHROUGH : Egress.REGISTRY_ONLY,
    rejectPlaintextFromMesh: settings.rejectPlaintextFromMesh,
    sidecarScope: settings.sidecarScope === 'mesh' ? SidecarScope.MESH : SidecarScope.NAMESPACE,
  }).finish()
}

export function encodeTrustBundle({ trustDomain, rootsPem, crlPem }: TrustBundle): Uint8Array {
  const value = { trustedCa: inline(rootsPem), crl: crlPem === undefined ? undefined : inline(crlPem) }
  return Secret.encode({ name: trustDomain, type: { $case: 'validationContext', value } }).finish()
}

function inline(text: string): { specifier: { $case: 'inlineBytes'; value: Uint8Array } } {
  return { specifier: { $case: 'inlineBytes', value: Buffer.from(text) } }
}

function wireWorkload(workload: Workload): WireWorkload {
  return {
    name: workload.name,
    namespace: workload.namespace,
    addresses: workload.addresses.map(ipToBytes),
    network: workload.network,
    tunnelProtocol: workload.tunnel === 'hbone' ? TunnelProtocol.HBONE : TunnelProtocol.NONE,
    trustDomain: workload.identity.trustDomain,
    serviceAccount: workload.identity.serviceAccount,
    node: workload.node,
    canonicalName: workload.canonicalName,
    canonicalRevision: workload.canonicalRevision,
    workloadType: workloadTypes[workload.owner.type],
    workloadName: workload.owner.name,
    nativeTunnel: false,
    authorizationPolicies: [...workload.authorizationPolicies],
    status: workload.health === 'healthy' ? WorkloadStatus.HEALTHY : WorkloadStatus.UNHEALTHY,
    clusterId: workload.clusterId,
    uid: workload.uid,
    hostname: '',
    services: new Map([...workload.services].map(([key, ports]) => [key, portList(ports)])),
    locality: workload.locality,
    networkMode: workload.hostNetwork ? NetworkMode.HOST_NETWORK : NetworkMode.STANDARD,
    capacity: undefined,
  }
}

function wireService(service: Service): WireService {
  return {
    name: service.name,
    namespace: service.namespace,
    hostname: service.hostname,
    addresses: service.addresses.map(({ network, ip }) => ({
      network,
      address: ipToBytes(ip),
      length: undefined,
    })),
    ports: portList(service.ports).ports,
    subjectAltNames: [],
    loadBalancing: loadBalancing(service),
    ipFamilies: IPFamilies.AUTOMATIC,
    extensions: extensions(service),
    canonical: true,
  }
}

function portList(ports: readonly PortMapping[]): PortList {
  return { ports: ports.map((mapping) => ({ ...mapping, appProtocol: AppProtocol.UNKNOWN })) }
}

function loadBalancing({ publishNotReady, preference }: Service): LoadBalancing | undefined {
  if (!publishNotReady && preference.mode === 'any') return undefined
  return {
    routingPreference: preference.scopes.map((scope) => localityScopes[scope]),
    mode: balancingModes[preference.mode],
    healthPolicy: publishNotReady
      ? LoadBalancing_HealthPolicy.ALLOW_ALL
      : LoadBalancing_HealthPolicy.ONLY_HEALTHY,
  }
}

/** What the ambient types have no field for. */
function extensions({ affinity, preference }: Service): Extension[] {
  const clientIpAffinitySeconds = affinity.kind === 'client-ip' ? affinity.seconds : 0
  if (clientIpAffinitySeconds === 0 && preference.zoneHints.size === 0) return []
  const zoneHints = new Map([...preference.zoneHints].map(([uid, names]) => [uid, { names: [...names] }]))
  const value = ServiceExtension.encode({ clientIpAffinitySeconds, zoneHints }).finish()
  const typeUrl = `type.googleapis.com/${ServiceExtension.$type}`
  return [{ name: 'weft.dev/service', config: { typeUrl, value } }]
}

const balancingModes = {
  any: LoadBalancing_Mode.UNSPECIFIED_MODE,
  failover: LoadBalancing_Mode.FAILOVER,
  strict: LoadBalancing_Mode.STRICT,
} as const

const localityScopes = {
  region: LoadBalancing_Scope.REGION,
  zone: LoadBalancing_Scope.ZONE,
  subzone: LoadBalancing_Scope.SUBZONE,
  node: LoadBalancing_Scope.NODE,
  cluster: LoadBalancing_Scope.CLUSTER,
  network: LoadBalancing_Scope.NETWORK,
} as const

const workloadTypes = {
  deployment: WorkloadType.DEPLOYMENT,
  cronjob: WorkloadType.CRONJOB,
  pod: WorkloadType.POD,
  job: WorkloadType.JOB,
} as const
