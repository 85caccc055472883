import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { ApiClient } from '#control-plane/watch/kubernetes/api/client.ts'

type Manifest = Record<string, unknown> & {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

/** The objects of a chart's template that asks for nothing but the namespace and labels. */
export function chartObjects(template: string, namespace = 'weft-system'): Manifest[] {
  const text = readFileSync(new URL(`../../../chart/templates/${template}`, import.meta.url), 'utf8')
  const rendered = text
    .replaceAll('{{ .Release.Namespace }}', namespace)
    .split('\n')
    .filter((line) => !line.includes('{{'))
    .join('\n')
  return parseAllDocuments(rendered).map((document) => document.toJS() as Manifest)
}

const collections: Readonly<Record<string, string>> = {
  ServiceAccount: 'serviceaccounts',
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
  CustomResourceDefinition: 'customresourcedefinitions',
  MutatingWebhookConfiguration: 'mutatingwebhookconfigurations',
  PeerAuthentication: 'peerauthentications',
  AuthorizationPolicy: 'authorizationpolicies',
  Namespace: 'namespaces',
  Node: 'nodes',
  Pod: 'pods',
  Service: 'services',
  EndpointSlice: 'endpointslices',
  ConfigMap: 'configmaps',
}

/** Where the API server keeps objects of a manifest's kind. */
export function collectionOf({ apiVersion, kind, metadata }: Manifest): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const scope = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`
  return `${root}${scope}/${collections[kind] ?? kind}`
}

/** Makes an object; the answer is how the API server has it. */
export async function create(client: ApiClient, manifest: Manifest): Promise<Manifest> {
  return (await client.request({ method: 'POST', path: collectionOf(manifest), body: manifest })) as Manifest
}

export async function createNamespace(client: ApiClient, name: string, labels: Record<string, string> = {}) {
  return create(client, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels } as Manifest['metadata'],
  })
}

/** A mesh with every default. */
export async function createSettings(client: ApiClient, namespace = 'weft-system') {
  return create(client, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'weft-settings', namespace },
    data: { 'settings.yaml': '{}' },
  })
}

export interface PodParts {
  readonly namespace: string
  readonly name: string
  readonly serviceAccount?: string
  readonly labels?: Record<string, string>
  readonly annotations?: Record<string, string>
  readonly ip?: string
  readonly meshed?: boolean
  readonly node?: string
}

/** A pod as the injector leaves it, and running as a kubelet would report it. */
export async function createPod(client: ApiClient, parts: PodParts): Promise<{ readonly uid: string }> {
  const {
    namespace,
    name,
    serviceAccount = 'default',
    labels = {},
    ip,
    meshed = true,
    node = 'node-a',
  } = parts
  const proxy = { name: 'weft-proxy', image: 'weft', restartPolicy: 'Always' }
  const made = await create(client, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, labels, annotations: parts.annotations ?? {} } as Manifest['metadata'],
    spec: {
      serviceAccountName: serviceAccount,
      nodeName: node,
      ...(meshed ? { initContainers: [proxy] } : {}),
      containers: [{ name: 'app', image: 'app', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
  })
  if (ip !== undefined) {
    await patchStatus(client, `/api/v1/namespaces/${namespace}/pods/${name}`, {
      phase: 'Running',
      podIP: ip,
      podIPs: [{ ip }],
      conditions: [{ type: 'Ready', status: 'True' }],
    })
  }
  return made.metadata as unknown as { readonly uid: string }
}

export async function patchStatus(client: ApiClient, path: string, status: unknown): Promise<void> {
  const contentType = 'application/merge-patch+json'
  await client.request({ method: 'PATCH', path: `${path}/status`, contentType, body: { status } })
}

/** A token as the kubelet projects it into a pod. */
export async function createToken(
  client: ApiClient,
  { namespace, serviceAccount, audience, pod }: TokenParts,
): Promise<string> {
  const boundObjectRef = pod && { kind: 'Pod', apiVersion: 'v1', name: pod.name, uid: pod.uid }
  const { status } = (await client.request({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: audience === undefined ? [] : [audience], expirationSeconds: 3_600, boundObjectRef },
    },
  })) as { readonly status: { readonly token: string } }
  return status.token
}

export interface TokenParts {
  readonly namespace: string
  readonly serviceAccount: string
  /** The API server's own when left out. */
  readonly audience?: string
  readonly pod?: { readonly name: string; readonly uid: string }
}
