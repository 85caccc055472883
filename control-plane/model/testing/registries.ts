import { parseCidr, parseIp } from '#mesh/address.ts'
import type { AuthorizationPolicy } from '#mesh/policy/documents.ts'
import type {
  RegistryEndpoint,
  RegistryMesh,
  RegistryService,
  RegistryState,
  RegistryWorkload,
} from '../registry-state.ts'

/** A registry for tests, empty but for what is given. */
export function registry(
  parts: Partial<Omit<RegistryState, 'mesh'>> & { mesh?: Partial<RegistryMesh> } = {},
) {
  const { mesh, workloads = [], services = [], policies = [] } = parts
  return { mesh: { ...defaultMesh, ...mesh }, workloads, services, policies } satisfies RegistryState
}

/** A ready, meshed pod, from `namespace/name` and an address. */
export function pod(key: string, ip: string, parts: Partial<RegistryWorkload> = {}): RegistryWorkload {
  const [namespace, name] = split(key)
  return {
    clusterId: 'Kubernetes',
    namespace,
    name,
    podUid: `uid-of-${name}`,
    serviceAccount: 'default',
    addresses: [parseIp(ip)!],
    labels: { app: name.replace(/-\d+$/, '') },
    meshed: true,
    ready: true,
    hostNetwork: false,
    node: '',
    locality: { region: '', zone: '', subzone: '' },
    owner: { type: 'pod', name },
    ports: new Map(),
    ...parts,
  }
}

/** A service of port 80 to 8080 that selects the pods of its own name. */
export function service(key: string, ip: string, parts: Partial<RegistryService> = {}): RegistryService {
  const [namespace, name] = split(key)
  return {
    namespace,
    name,
    hostname: `${name}.${namespace}.svc.cluster.local`,
    addresses: [{ network: '', ip: parseIp(ip)! }],
    ingressAddresses: [],
    selector: { app: name },
    endpoints: undefined,
    publishNotReadyAddresses: false,
    internalTrafficPolicy: 'cluster',
    trafficDistribution: 'any',
    sessionAffinity: { kind: 'none' },
    ports: [{ name: 'http', port: 80, targetPort: 8080 }],
    ...parts,
  }
}

/** A ready endpoint whose port `http` is 8080, and of which nobody says that it is a pod. */
export function endpoint(ip: string, parts: Partial<RegistryEndpoint> = {}): RegistryEndpoint {
  return {
    address: parseIp(ip)!,
    pod: '',
    ready: true,
    ending: false,
    node: '',
    zone: '',
    hints: [],
    ports: new Map([['http', 8080]]),
    ...parts,
  }
}

/** A policy that admits nobody to the pods of the app of its own name. */
export function policy(key: string, parts: Partial<AuthorizationPolicy> = {}): AuthorizationPolicy {
  const [namespace, name] = split(key)
  return {
    kind: 'AuthorizationPolicy',
    name,
    namespace,
    selector: { app: name },
    action: 'Allow',
    dryRun: false,
    rules: [],
    ...parts,
  }
}

const defaultMesh: RegistryMesh = {
  settings: {
    network: '',
    networks: [parseCidr('10.77.0.0/16')!],
    egress: 'passthrough',
    rejectPlaintextFromMesh: false,
  },
  trustDomain: 'cluster.local',
  sidecarScope: 'mesh',
}

function split(key: string): [string, string] {
  const [namespace = '', name = ''] = key.split('/')
  return [namespace, name]
}
