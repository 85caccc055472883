import { seen } from '../../kubernetes/seen.ts'
import type {
  Facts,
  NamespaceFacts,
  NetworkPolicyFacts,
  NetworkRule,
  PodFacts,
  WebhookFacts,
} from '../facts.ts'

const day = 86_400_000
export const now = Date.UTC(2026, 0, 1)

/** A cluster in which nothing is wrong; what is given is another way. */
export function facts(other: Partial<Facts> = {}): Facts {
  return {
    version: '1.0.0',
    namespace: 'weft-system',
    server: { version: 'v1.36.3', minor: 36, clock: { here: now, server: now } },
    permissions: [{ verb: 'create', resource: 'namespaces', allowed: true }],
    nodes: seen([
      { name: 'node-a', os: 'linux', version: 'v1.36.3', kernel: '6.1.0-13-amd64', clockAhead: -4_000 },
    ]),
    namespaces: seen([
      namespace({ name: 'shop', injected: true }),
      namespace({ name: 'plain' }),
      namespace({ name: 'asking' }),
      namespace({ name: 'weft-system', podSecurity: 'restricted' }),
    ]),
    pods: seen([pod(), pod({ namespace: 'plain', name: 'alone', mesh: { kind: 'unmeshed' } })]),
    networkPolicies: seen([]),
    cilium: { kind: 'absent' },
    calico: { kind: 'absent' },
    definitions: seen(
      ['authorizationpolicies.weft.dev', 'peerauthentications.weft.dev'].map((name) => ({
        name,
        served: ['v1alpha1'],
        established: true,
      })),
    ),
    deployments: seen([
      { name: 'weft-control-plane', desired: 1, ready: 1, image: 'weft/control-plane:1.0.0' },
      { name: 'weft-injector', desired: 2, ready: 2, image: 'weft/injector:1.0.0' },
    ]),
    webhooks: seen([webhook({ name: 'inject.weft.dev' }), webhook({ name: 'pod.inject.weft.dev' })]),
    trial: { kind: 'injected', namespace: 'shop' },
    trustBundle: seen({
      roots: [{ subject: 'CN=weft root', fingerprint: 'AA:BB', notAfter: now + 3_650 * day }],
      unreadable: 0,
    }),
    expiry: seen(
      new Map([
        ['root', now + 3_650 * day],
        ['issuer', now + 365 * day],
        ['serving', now + day],
      ]),
    ),
    policies: seen([
      {
        kind: 'AuthorizationPolicy',
        namespace: 'shop',
        name: 'backend',
        says: 'Allow',
        workloads: 1,
        accepted: { status: 'True', message: '' },
      },
    ]),
    ...other,
  }
}

/** A namespace with the label that every one has, and the one that it is injected by. */
export function namespace(other: Partial<NamespaceFacts> & Pick<NamespaceFacts, 'name'>): NamespaceFacts {
  const { name, injected = false } = other
  const labels = {
    'kubernetes.io/metadata.name': name,
    ...(injected && { 'weft.dev/inject': 'enabled' }),
  }
  return { labels, injected, podSecurity: 'privileged', ...other }
}

/** One of the injector's webhooks as the chart has it, which looks at every namespace but those. */
export function webhook({
  excluded = ['weft-system', 'kube-system'],
  ...other
}: Partial<WebhookFacts> & {
  readonly name: string
  readonly excluded?: readonly string[]
}): WebhookFacts {
  const operator = other.name === 'inject.weft.dev' ? 'In' : 'NotIn'
  return {
    roots: ['AA:BB'],
    unreadableRoots: 0,
    failurePolicy: 'Fail',
    namespaceSelector: {
      matchLabels: {},
      matchExpressions: [
        { key: 'weft.dev/inject', operator, values: ['enabled'] },
        { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: excluded },
      ],
    },
    ...other,
  }
}

/** A meshed pod of a Deployment in an injected namespace. */
export function pod(other: Partial<PodFacts> = {}): PodFacts {
  return {
    namespace: 'shop',
    name: 'backend-1',
    labels: { app: 'backend' },
    node: 'node-a',
    owner: 'deployment/backend',
    hostNetwork: false,
    forWindows: false,
    asks: undefined,
    ready: true,
    mesh: { kind: 'meshed', image: 'weft/sidecar:1.0.0', state: { kind: 'ready' } },
    ...other,
  }
}

/** A NetworkPolicy of `shop` that holds on every pod, without rules of either direction. */
export function networkPolicy(other: Partial<NetworkPolicyFacts> = {}): NetworkPolicyFacts {
  return {
    namespace: 'shop',
    name: 'backend',
    podSelector: { matchLabels: {}, matchExpressions: [] },
    ingress: undefined,
    egress: undefined,
    ...other,
  }
}

/** A rule for these TCP ports. */
export function rule(...ports: readonly (number | string)[]): NetworkRule {
  return {
    onlyRanges: false,
    ports: ports.map((port) => ({ protocol: 'TCP', port, endPort: undefined })),
  }
}
