import { type IpAddress, ipFromBytes } from '#mesh/address.ts'
import type {
  EndpointPreference,
  LocalityScope,
  NetworkAddress,
  PortMapping,
  Service,
  SessionAffinity,
} from '#mesh/workload.ts'
import * as wire from '#proto/istio/workload/workload.ts'
import { ServiceExtension } from '#proto/weft/mesh/v1alpha1/service.ts'
import { DecodeError, oneOf } from './decode-error.ts'

/** A service as the wire has it; throws DecodeError. */
export function serviceOf(message: wire.Service): Service {
  const { name, namespace, hostname, loadBalancing } = message
  if (hostname === '') throw new DecodeError('hostname: it is empty')
  const extension = extensionOf(message.extensions)
  return {
    key: `${namespace}/${hostname}`,
    name,
    namespace,
    hostname,
    addresses: message.addresses.map(addressOf),
    ports: message.ports.map((port) => portOf(port, { differing: true })),
    publishNotReady: oneOf('load_balancing.health_policy', loadBalancing?.healthPolicy ?? 0, {
      [wire.LoadBalancing_HealthPolicy.ONLY_HEALTHY]: false,
      [wire.LoadBalancing_HealthPolicy.ALLOW_ALL]: true,
    }),
    preference: preferenceOf(loadBalancing, extension.zoneHints),
    affinity: affinityOf(extension.clientIpAffinitySeconds),
  }
}

/** `differing` allows target port 0, which in a service says that each endpoint has its own. */
export function portOf({ servicePort, targetPort }: wire.Port, { differing = false } = {}): PortMapping {
  if (!isPort(servicePort)) throw new DecodeError(`ports: service port ${servicePort} is no port`)
  if (!isPort(targetPort) && !(differing && targetPort === 0)) {
    throw new DecodeError(`ports: target port ${targetPort} of service port ${servicePort} is no port`)
  }
  return { servicePort, targetPort }
}

/** 4 or 16 bytes; throws DecodeError that names the field for any other number. */
export function ipOf(field: string, bytes: Uint8Array): IpAddress {
  const address = ipFromBytes(bytes)
  if (!address) throw new DecodeError(`${field}: ${bytes.length} bytes are no IP address`)
  return address
}

function addressOf({ network, address, length }: wire.NetworkAddress): NetworkAddress {
  if (length !== undefined && length !== address.length * 8) {
    throw new DecodeError(`addresses: a range of length ${length} is no address`)
  }
  return { network, ip: ipOf('addresses', address) }
}

function isPort(number: number): boolean {
  return number >= 1 && number <= 65_535
}

function preferenceOf(
  message: wire.LoadBalancing | undefined,
  hints: ServiceExtension['zoneHints'],
): EndpointPreference {
  return {
    mode: oneOf('load_balancing.mode', message?.mode ?? 0, {
      [wire.LoadBalancing_Mode.UNSPECIFIED_MODE]: 'any',
      [wire.LoadBalancing_Mode.STRICT]: 'strict',
      [wire.LoadBalancing_Mode.FAILOVER]: 'failover',
    }),
    scopes: (message?.routingPreference ?? []).map((scope) =>
      oneOf<LocalityScope>('load_balancing.routing_preference', scope, {
        [wire.LoadBalancing_Scope.REGION]: 'region',
        [wire.LoadBalancing_Scope.ZONE]: 'zone',
        [wire.LoadBalancing_Scope.SUBZONE]: 'subzone',
        [wire.LoadBalancing_Scope.NODE]: 'node',
        [wire.LoadBalancing_Scope.CLUSTER]: 'cluster',
        [wire.LoadBalancing_Scope.NETWORK]: 'network',
      }),
    ),
    zoneHints: new Map([...hints].map(([uid, { names }]) => [uid, names])),
  }
}

function affinityOf(seconds: number): SessionAffinity {
  if (seconds > 86_400) throw new DecodeError(`client_ip_affinity_seconds: ${seconds} is more than a day`)
  return seconds === 0 ? { kind: 'none' } : { kind: 'client-ip', seconds }
}

const noExtension: ServiceExtension = { clientIpAffinitySeconds: 0, zoneHints: new Map() }

function extensionOf(extensions: readonly wire.Extension[]): ServiceExtension {
  const ours = extensions.find(({ name }) => name === 'weft.dev/service')
  return ours?.config ? ServiceExtension.decode(ours.config.value) : noExtension
}
