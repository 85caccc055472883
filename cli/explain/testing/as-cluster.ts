/** A registry file, parsed as YAML: as much of one as these tests write. */
export interface Registry {
  readonly mesh: { readonly networks: readonly string[]; readonly [setting: string]: unknown }
  readonly workloads: readonly RegistryPod[]
  readonly services: readonly RegistryService[]
  readonly policies?: readonly RegistryPolicy[]
}

export interface RegistryPod {
  readonly name: string
  readonly namespace: string
  readonly serviceAccount?: string
  readonly addresses: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly meshed?: boolean
  readonly ready?: boolean
  readonly hostNetwork?: boolean
}

export interface RegistryService {
  readonly name: string
  readonly namespace: string
  readonly addresses?: readonly string[]
  readonly selector: Readonly<Record<string, string>>
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly targetPort?: number }[]
}

export interface RegistryPolicy {
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly selector?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/** What an API server holds of a cluster; each list by its path. */
export type ClusterLists = Readonly<Record<string, readonly object[]>>

/** The same mesh as the objects of a cluster, with the endpoint slices that Kubernetes makes of it. */
export function asCluster({ mesh, workloads, services, policies = [] }: Registry): ClusterLists {
  const ofKind = (kind: string) => policies.filter((policy) => policy.kind === kind).map(policyObject)
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))]
  return {
    '/api/v1/pods': workloads.map(podObject),
    '/api/v1/services': services.map(serviceObject),
    '/apis/discovery.k8s.io/v1/endpointslices': services.map((service) => sliceObject(service, workloads)),
    '/api/v1/namespaces': namespaces.map((name) => ({ metadata: metadata('', name, {}) })),
    '/api/v1/nodes': [],
    '/apis/networking.k8s.io/v1/servicecidrs': [],
    '/api/v1/namespaces/weft-system/configmaps': [
      { metadata: metadata('weft-system', 'weft-settings'), data: { 'settings.yaml': JSON.stringify(mesh) } },
    ],
    '/apis/weft.dev/v1alpha1/peerauthentications': ofKind('PeerAuthentication'),
    '/apis/weft.dev/v1alpha1/authorizationpolicies': ofKind('AuthorizationPolicy'),
  }
}

/** Those lists as answers of a fake API server. */
export function answersOf(lists: ClusterLists): Record<string, unknown> {
  const list = (items: readonly object[]) => ({ metadata: { resourceVersion: '1' }, items })
  const identity =
    '/api/v1/namespaces/weft-system/configmaps?fieldSelector=metadata.name%3Dweft-identity&limit=500'
  return {
    [`GET ${identity}`]: list([]),
    ...Object.fromEntries(Object.entries(lists).map(([path, items]) => [`GET ${path}`, list(items)])),
  }
}

function metadata(namespace: string, name: string, labels: Readonly<Record<string, string>> = {}) {
  const place = namespace === '' ? {} : { namespace }
  return { ...place, name, uid: `${namespace}/${name}`, resourceVersion: '1', generation: 1, labels }
}

function podObject(pod: RegistryPod) {
  const { namespace, name, labels, addresses, hostNetwork = false, meshed = !hostNetwork, ready = true } = pod
  const proxy = { name: 'weft-proxy', restartPolicy: 'Always' }
  return {
    metadata: metadata(namespace, name, labels),
    spec: {
      serviceAccountName: pod.serviceAccount ?? 'default',
      hostNetwork,
      initContainers: meshed ? [{ name: 'weft-init' }, proxy] : [],
      containers: [{ name: 'app' }],
    },
    status: {
      phase: 'Running',
      podIPs: addresses.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}

function serviceObject({ namespace, name, addresses = [], selector, ports = [] }: RegistryService) {
  const clusterIPs = addresses.length > 0 ? addresses : ['None']
  return { metadata: metadata(namespace, name), spec: { clusterIPs, selector, ports } }
}

function sliceObject(
  { namespace, name, selector, ports = [] }: RegistryService,
  pods: readonly RegistryPod[],
) {
  const chosen = pods.filter(
    (pod) =>
      pod.namespace === namespace &&
      Object.entries(selector).every(([key, value]) => pod.labels?.[key] === value),
  )
  return {
    metadata: metadata(namespace, `${name}-1`, { 'kubernetes.io/service-name': name }),
    addressType: 'IPv4',
    ports: ports.map((each) => ({ name: each.name ?? '', port: each.targetPort ?? each.port })),
    endpoints: chosen.map(({ name: pod, addresses, ready = true }) => ({
      addresses,
      conditions: { ready },
      targetRef: { kind: 'Pod', namespace, name: pod },
    })),
  }
}

function policyObject({ kind, name, namespace, selector, ...fields }: RegistryPolicy) {
  const spec = selector === undefined ? fields : { selector: { matchLabels: selector }, ...fields }
  const accepted = { type: 'Accepted', status: 'True', observedGeneration: 1, message: '' }
  const uid = `${kind} ${namespace}/${name}`
  return {
    kind,
    metadata: { ...metadata(namespace, name), uid },
    spec,
    status: { workloads: 1, conditions: [accepted] },
  }
}
