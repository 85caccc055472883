import { type IpAddress, parseCidr, parseIp, type SocketAddress } from '../address.ts'
import type { Authorization } from '../policy/authorization.ts'
import type { MeshSettings } from '../settings.ts'
import { createSnapshot, type Snapshot } from '../snapshot.ts'
import { type SpiffeId, spiffeId } from '../spiffe-id.ts'
import { anyEndpoint, type PortMapping, type Service, type Workload } from '../workload.ts'

export function ip(text: string): IpAddress {
  return present(parseIp(text), text)
}

export function to(address: string, port: number): SocketAddress {
  return { ip: ip(address), port }
}

export function identity(
  serviceAccount: string,
  namespace = 'shop',
  trustDomain = 'cluster.local',
): SpiffeId {
  return present(spiffeId(trustDomain, namespace, serviceAccount), serviceAccount)
}

export function settings(
  parts: Partial<Omit<MeshSettings, 'networks'>> & { networks?: readonly string[] } = {},
) {
  const { networks = ['10.77.0.0/16', 'fd77::/64'], ...rest } = parts
  return {
    network: '',
    egress: 'passthrough',
    rejectPlaintextFromMesh: false,
    sidecarScope: 'mesh',
    ...rest,
    networks: networks.map((range) => present(parseCidr(range), range)),
  } satisfies MeshSettings
}

/** A meshed pod in good health, with a service account of its own name. */
export function workload(
  name: string,
  addresses: readonly string[],
  parts: Partial<Omit<Workload, 'services'>> & {
    services?: Readonly<Record<string, readonly PortMapping[]>>
  } = {},
): Workload {
  const { services = {}, ...rest } = parts
  return {
    uid: `Kubernetes//Pod/shop/${name}`,
    name,
    namespace: 'shop',
    clusterId: 'Kubernetes',
    network: '',
    identity: identity(name),
    tunnel: 'hbone',
    hostNetwork: false,
    health: 'healthy',
    node: 'node-a',
    locality: { region: '', zone: '', subzone: '' },
    owner: { type: 'deployment', name },
    canonicalName: name,
    canonicalRevision: '',
    authorizationPolicies: [],
    ...rest,
    addresses: addresses.map(ip),
    services: new Map(Object.entries(services)),
  }
}

export const backendKey = 'shop/backend.shop.svc.cluster.local'

/** The service `backend`: port 80 to 8080. */
export function service(
  addresses: readonly string[],
  parts: Partial<Omit<Service, 'addresses'>> = {},
): Service {
  return {
    key: backendKey,
    name: 'backend',
    namespace: 'shop',
    hostname: 'backend.shop.svc.cluster.local',
    ports: [{ servicePort: 80, targetPort: 8080 }],
    publishNotReady: false,
    preference: anyEndpoint,
    affinity: { kind: 'none' },
    ...parts,
    addresses: addresses.map((address) => ({ network: '', ip: ip(address) })),
  }
}

export function snapshot(parts: {
  readonly workloads?: readonly Workload[]
  readonly services?: readonly Service[]
  readonly authorizations?: readonly Authorization[]
  readonly settings?: MeshSettings
}): Snapshot {
  return createSnapshot({
    settings: parts.settings ?? settings(),
    workloads: new Map(parts.workloads?.map((item) => [item.uid, item])),
    services: new Map(parts.services?.map((item) => [item.key, item])),
    authorizations: new Map(parts.authorizations?.map((item) => [item.key, item])),
  })
}

function present<T>(value: T | undefined, text: string): T {
  if (value === undefined) throw new TypeError(`the test wrote "${text}"`)
  return value
}
