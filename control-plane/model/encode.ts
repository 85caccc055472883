import { ipToBytes } from '#mesh/address.ts'
import type { MeshSettings } from '#mesh/settings.ts'
import type { Service, Workload } from '#mesh/workload.ts'
import { Secret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret.ts'
import {
  Address,
  AppProtocol,
  IPFamilies,
  LoadBalancing_HealthPolicy,
  LoadBalancing_Mode,
  NetworkMode,
  type PortList,
  TunnelProtocol,
  type Service as WireService,
  type Workload as WireWorkload,
  WorkloadStatus,
  WorkloadType,
} from '#proto/istio/workload/workload.ts'
import { Egress, MeshSettings as WireSettings } from '#proto/weft/mesh/v1alpha1/settings.ts'

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
    loadBalancing: service.publishNotReady ? everyEndpoint : undefined,
    ipFamilies: IPFamilies.AUTOMATIC,
    canonical: true,
  }
}

function portList(ports: Service['ports']): PortList {
  return { ports: ports.map((mapping) => ({ ...mapping, appProtocol: AppProtocol.UNKNOWN })) }
}

const everyEndpoint = {
  routingPreference: [],
  mode: LoadBalancing_Mode.UNSPECIFIED_MODE,
  healthPolicy: LoadBalancing_HealthPolicy.ALLOW_ALL,
}

const workloadTypes = {
  deployment: WorkloadType.DEPLOYMENT,
  cronjob: WorkloadType.CRONJOB,
  pod: WorkloadType.POD,
  job: WorkloadType.JOB,
} as const
