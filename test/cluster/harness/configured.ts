import { strangersImage } from '../images/strangers.ts'

export interface Configured {
  readonly command: readonly string[]
  /** Name of the file in /config, and what it says. */
  readonly file: string
  readonly text: string
  readonly port: number
  readonly serviceAccount: string
}

/** A program of the strangers’ image as a pod of this name, and the ConfigMap with its one file of configuration. */
export function configured(name: string, { command, file, text, port, serviceAccount }: Configured) {
  const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { [file]: text } }
  const container = {
    name: 'app',
    image: strangersImage,
    command,
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
    volumeMounts: [{ name: 'config', mountPath: '/config', readOnly: true }],
  }
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      terminationGracePeriodSeconds: 5,
      serviceAccountName: serviceAccount,
      containers: [container],
      volumes: [{ name: 'config', configMap: { name } }],
    },
  }
  return { config, pod }
}
