import { type Cidr, cidrFromBytes } from '#mesh/address.ts'
import type { Authorization, Match, ServiceAccountMatch, StringMatch } from '#mesh/policy/authorization.ts'
import type { MeshSettings } from '#mesh/settings.ts'
import { spiffeId } from '#mesh/spiffe-id.ts'
import type { Service, Workload } from '#mesh/workload.ts'
import { Secret as WireSecret } from '#proto/envoy/extensions/transport_sockets/tls/v3/secret.ts'
import * as wireSecurity from '#proto/istio/security/authorization.ts'
import * as wire from '#proto/istio/workload/workload.ts'
import { Egress, SidecarScope, MeshSettings as WireSettings } from '#proto/weft/mesh/v1alpha1/settings.ts'
import { parseTrustBundle, type TrustBundle } from '../view/trust-bundle.ts'
import { DecodeError, oneOf } from './decode-error.ts'
import { ipOf, portOf, serviceOf } from './decode-service.ts'

export type DecodedAddress =
  | { readonly kind: 'workload'; readonly workload: Workload }
  | { readonly kind: 'service'; readonly service: Service }

/** Parses an `istio.workload.Address`. Every decoder here throws DecodeError or the decoder's own error. */
export function decodeAddress(bytes: Uint8Array): DecodedAddress {
  const { type } = wire.Address.decode(bytes)
  switch (type?.$case) {
    case 'workload':
      return { kind: 'workload', workload: workloadOf(type.value) }
    case 'service':
      return { kind: 'service', service: serviceOf(type.value) }
    case undefined:
      throw new DecodeError('type: it is neither a workload nor a service')
  }
}

/** Parses an `istio.security.Authorization`. */
export function decodeAuthorization(bytes: Uint8Array): Authorization {
  const { name, namespace, scope, action, rules, dryRun } = wireSecurity.Authorization.decode(bytes)
  return {
    key: `${namespace}/${name}`,
    name,
    namespace,
    scope: oneOf('scope', scope, {
      [wireSecurity.Scope.GLOBAL]: 'global',
      [wireSecurity.Scope.NAMESPACE]: 'namespace',
      [wireSecurity.Scope.WORKLOAD_SELECTOR]: 'workload',
    }),
    action: oneOf('action', action, {
      [wireSecurity.Action.ALLOW]: 'allow',
      [wireSecurity.Action.DENY]: 'deny',
    }),
    rules: rules.map(({ clauses }) => ({
      clauses: clauses.map(({ matches }) => ({ matches: matches.map(matchOf) })),
    })),
    dryRun,
  }
}

/** Parses an SDS `Secret` that carries the roots of one trust domain. */
export function decodeTrustBundle(bytes: Uint8Array): TrustBundle {
  const { name, type } = WireSecret.decode(bytes)
  if (type?.$case !== 'validationContext') throw new DecodeError('validation_context: it is missing')
  const roots = inline(type.value.trustedCa)
  if (roots === undefined) throw new DecodeError('validation_context.trusted_ca: it is missing')
  return parseTrustBundle(name, roots, inline(type.value.crl))
}

/** Parses the mesh's settings. */
export function decodeSettings(bytes: Uint8Array): MeshSettings {
  const { network, networks, egress, rejectPlaintextFromMesh, sidecarScope } = WireSettings.decode(bytes)
  return {
    network,
    networks: networks.map((range) => cidr('networks', range)),
    egress: oneOf('egress', egress, {
      [Egress.PASSTHROUGH]: 'passthrough',
      [Egress.REGISTRY_ONLY]: 'registry-only',
    }),
    rejectPlaintextFromMesh,
    sidecarScope: oneOf('sidecar_scope', sidecarScope, {
      [SidecarScope.MESH]: 'mesh',
      [SidecarScope.NAMESPACE]: 'namespace',
    }),
  }
}

function workloadOf(message: wire.Workload): Workload {
  const { trustDomain, namespace, serviceAccount, locality } = message
  const identity = spiffeId(trustDomain || 'cluster.local', namespace, serviceAccount || 'default')
  if (message.uid === '') throw new DecodeError('uid: it is empty')
  if (!identity) {
    throw new DecodeError(
      `identity: ${trustDomain}/ns/${namespace}/sa/${serviceAccount} is no valid SPIFFE id`,
    )
  }
  return {
    uid: message.uid,
    name: message.name,
    namespace,
    clusterId: message.clusterId,
    network: message.network,
    identity,
    addresses: message.addresses.map((bytes) => ipOf('addresses', bytes)),
    tunnel: oneOf('tunnel_protocol', message.tunnelProtocol, {
      [wire.TunnelProtocol.NONE]: 'none',
      [wire.TunnelProtocol.HBONE]: 'hbone',
    }),
    hostNetwork: oneOf('network_mode', message.networkMode, {
      [wire.NetworkMode.STANDARD]: false,
      [wire.NetworkMode.HOST_NETWORK]: true,
    }),
    health: oneOf('status', message.status, {
      [wire.WorkloadStatus.HEALTHY]: 'healthy',
      [wire.WorkloadStatus.UNHEALTHY]: 'unhealthy',
    }),
    node: message.node,
    locality: {
      region: locality?.region ?? '',
      zone: locality?.zone ?? '',
      subzone: locality?.subzone ?? '',
    },
    owner: {
      type: oneOf('workload_type', message.workloadType, {
        [wire.WorkloadType.DEPLOYMENT]: 'deployment',
        [wire.WorkloadType.CRONJOB]: 'cronjob',
        [wire.WorkloadType.POD]: 'pod',
        [wire.WorkloadType.JOB]: 'job',
      }),
      name: message.workloadName,
    },
    canonicalName: message.canonicalName,
    canonicalRevision: message.canonicalRevision,
    services: new Map(
      [...message.services].map(([key, list]) => [key, list.ports.map((port) => portOf(port))]),
    ),
    authorizationPolicies: message.authorizationPolicies,
  }
}

function matchOf(message: wireSecurity.Match): Match {
  return {
    principals: message.principals.map(stringMatchOf),
    notPrincipals: message.notPrincipals.map(stringMatchOf),
    namespaces: message.namespaces.map(stringMatchOf),
    notNamespaces: message.notNamespaces.map(stringMatchOf),
    serviceAccounts: message.serviceAccounts.map(serviceAccountOf),
    notServiceAccounts: message.notServiceAccounts.map(serviceAccountOf),
    sourceIps: message.sourceIps.map((range) => cidr('source_ips', range)),
    notSourceIps: message.notSourceIps.map((range) => cidr('not_source_ips', range)),
    destinationIps: message.destinationIps.map((range) => cidr('destination_ips', range)),
    notDestinationIps: message.notDestinationIps.map((range) => cidr('not_destination_ips', range)),
    destinationPorts: message.destinationPorts,
    notDestinationPorts: message.notDestinationPorts,
  }
}

function stringMatchOf({ matchType }: wireSecurity.StringMatch): StringMatch {
  switch (matchType?.$case) {
    case 'exact':
    case 'prefix':
    case 'suffix':
      return { kind: matchType.$case, value: matchType.value }
    case 'presence':
      return { kind: 'presence' }
    case undefined:
      throw new DecodeError('a string match says neither exact, prefix, suffix nor presence')
  }
}

function serviceAccountOf({
  namespace,
  serviceAccount,
}: wireSecurity.ServiceAccountMatch): ServiceAccountMatch {
  return { namespace, serviceAccount }
}

function inline(source: { specifier: { value: Uint8Array } | undefined } | undefined): string | undefined {
  const value = source?.specifier?.value
  return value === undefined || value.length === 0 ? undefined : Buffer.from(value).toString('latin1')
}

function cidr(field: string, range: { address: Uint8Array; length: number }): Cidr {
  const parsed = cidrFromBytes(range.address, range.length)
  if (!parsed)
    throw new DecodeError(`${field}: ${range.address.join('.')}/${range.length} is no address range`)
  return parsed
}
