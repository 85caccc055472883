import { appImage } from '../images/app.ts'

export interface PodOptions {
  /** File in /apps and its flags. */
  readonly run?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly serviceAccount?: string
  /** More of the application's container, e.g. probes. */
  readonly container?: object
  /** More of the pod's spec. */
  readonly spec?: object
}

/** A pod whose one container is `app`; it serves HTTP on 8080 unless told otherwise. */
export function pod(name: string, options: PodOptions = {}) {
  return { apiVersion: 'v1', kind: 'Pod', ...template(name, options, name) }
}

/** Metadata and spec of such a pod, for what makes pods. */
export function template(
  app: string,
  {
    run = ['http-server.ts'],
    labels = {},
    annotations = {},
    serviceAccount,
    container,
    spec,
  }: PodOptions = {},
  name = app,
) {
  const [file, ...flags] = run
  return {
    metadata: { name, labels: { app, ...labels }, annotations },
    spec: {
      terminationGracePeriodSeconds: 5,
      ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
      containers: [
        { name: 'app', image: appImage, command: ['node', `/apps/${file}`, ...flags], ...container },
      ],
      ...spec,
    },
  }
}

/** More of a pod's spec: it runs on this node and on no other. */
export function onNode(name: string) {
  return { nodeSelector: { 'kubernetes.io/hostname': name } }
}

export function serviceAccount(name: string) {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } }
}

/** A Service that selects the pods of this name, from port 80 to 8080 unless `spec` says otherwise. */
export function service(name: string, spec: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
  }
}

export function peerAuthentication(name: string, spec: object) {
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'PeerAuthentication', metadata: { name }, spec }
}

export function authorizationPolicy(name: string, spec: object) {
  return { apiVersion: 'weft.dev/v1alpha1', kind: 'AuthorizationPolicy', metadata: { name }, spec }
}
