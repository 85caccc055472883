import type { LabelSelector } from '#mesh/label-selector.ts'
import type { Seen } from '../kubernetes/seen.ts'

/** Everything that `weft check` judges, gathered before it judges anything. */
export interface Facts {
  /** The version of this command. */
  readonly version: string
  /** The mesh's own namespace. */
  readonly namespace: string
  readonly server: ServerFacts
  readonly permissions: readonly Permission[]
  readonly nodes: Seen<readonly NodeFacts[]>
  readonly namespaces: Seen<readonly NamespaceFacts[]>
  readonly pods: Seen<readonly PodFacts[]>
  readonly networkPolicies: Seen<readonly NetworkPolicyFacts[]>
  /** The data of Cilium's ConfigMap. */
  readonly cilium: Seen<Readonly<Record<string, string>>>
  /** The `spec` of Calico's default FelixConfiguration. */
  readonly calico: Seen<Readonly<Record<string, unknown>>>
  /** The resource definitions of weft.dev, by plural name. */
  readonly definitions: Seen<readonly DefinitionFacts[]>
  /** Of the mesh's own namespace. */
  readonly deployments: Seen<readonly DeploymentFacts[]>
  /** Those of the injector's configuration. */
  readonly webhooks: Seen<readonly WebhookFacts[]>
  readonly trial: Trial
  /** What the mesh is trusted by. */
  readonly trustBundle: Seen<TrustBundleFacts>
  /** When the control plane's own certificates end, in milliseconds since 1970, by what they are. */
  readonly expiry: Seen<ReadonlyMap<string, number>>
  readonly policies: Seen<readonly PolicyFacts[]>
}

export interface ServerFacts {
  /** For example `v1.36.3`. */
  readonly version: string
  readonly minor: number
  /** Milliseconds since 1970 on this machine's clock, and on the server's at the same moment where it says. */
  readonly clock: { readonly here: number; readonly server: number | undefined }
}

/** Something that the user may or may not do. */
export interface Permission {
  readonly verb: string
  /** With its group: `deployments.apps`. */
  readonly resource: string
  readonly allowed: boolean
}

export interface NodeFacts {
  readonly name: string
  readonly os: string
  /** Of the kubelet, e.g. `v1.36.3`. */
  readonly version: string
  readonly kernel: string
  /** How far its clock is ahead of the server's when it last renewed its lease, in milliseconds; it lags when negative. */
  readonly clockAhead: number | undefined
}

export interface NamespaceFacts {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** Its label says that its pods are to be meshed. */
  readonly injected: boolean
  readonly podSecurity: 'privileged' | 'baseline' | 'restricted'
}

export interface PodFacts {
  readonly namespace: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly node: string
  /** What made it: `deployment/backend`, `statefulset/db`; the pod itself where nothing did. */
  readonly owner: string
  readonly hostNetwork: boolean
  /** Whether it can only run on Windows. */
  readonly forWindows: boolean
  /** What it says itself about being injected; undefined when it says nothing. */
  readonly asks: 'in' | 'out' | undefined
  readonly ready: boolean
  readonly mesh: PodMesh
}

export type PodMesh =
  | { readonly kind: 'unmeshed' }
  | { readonly kind: 'meshed'; readonly image: string; readonly state: SidecarState }

export type SidecarState =
  | { readonly kind: 'ready' }
  /** The init container that sets redirection up has failed; its words where the kubelet has them. */
  | { readonly kind: 'redirection-failed'; readonly message: string }
  | { readonly kind: 'waiting'; readonly message: string }

export interface NetworkPolicyFacts {
  readonly namespace: string
  readonly name: string
  readonly podSelector: LabelSelector
  readonly ingress: readonly NetworkRule[] | undefined
  readonly egress: readonly NetworkRule[] | undefined
}

export interface NetworkRule {
  /** Undefined when the rule says nothing of ports, which means all of them. */
  readonly ports: readonly NetworkPort[] | undefined
  /** Every peer is a range of addresses. */
  readonly onlyRanges: boolean
}

export interface NetworkPort {
  readonly protocol: string
  /** Undefined means every port. */
  readonly port: number | string | undefined
  readonly endPort: number | undefined
}

export interface DefinitionFacts {
  readonly name: string
  readonly served: readonly string[]
  readonly established: boolean
}

export interface DeploymentFacts {
  readonly name: string
  readonly desired: number
  readonly ready: number
  /** Of its first container. */
  readonly image: string
}

export interface WebhookFacts {
  readonly name: string
  /** SHA-256 fingerprints of the roots that the API server trusts the injector by. */
  readonly roots: readonly string[]
  /** How many more are written there and cannot be read. */
  readonly unreadableRoots: number
  readonly failurePolicy: string
  /** Of what namespaces the API server asks about pods. */
  readonly namespaceSelector: LabelSelector
}

/** What became of a pod that was created for trial, with nothing kept of it. */
export type Trial =
  | { readonly kind: 'injected'; readonly namespace: string }
  | { readonly kind: 'untouched'; readonly namespace: string }
  | { readonly kind: 'refused'; readonly namespace: string; readonly message: string }
  | { readonly kind: 'not-tried'; readonly why: string }

export interface TrustBundleFacts {
  readonly roots: readonly CertificateFacts[]
  /** How many more are written there and cannot be read. */
  readonly unreadable: number
}

export interface CertificateFacts {
  readonly subject: string
  readonly fingerprint: string
  /** Milliseconds since 1970. */
  readonly notAfter: number
}

export interface PolicyFacts {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  /** `Allow`, `Deny, dry run`, `Strict`. */
  readonly says: string
  readonly workloads: number | undefined
  /** The condition Accepted; undefined while nobody has judged what is written now. */
  readonly accepted: { readonly status: string; readonly message: string } | undefined
}
