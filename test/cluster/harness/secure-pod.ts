import { pod } from './manifests.ts'

/** A pod that serves TLS of its own on 8443, with the certificate of this Secret. */
export function securePod(name: string, secret: string) {
  const volumeMounts = [{ name: 'certificate', mountPath: '/certificate', readOnly: true }]
  const container = { volumeMounts, readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 } }
  const volumes = [{ name: 'certificate', secret: { secretName: secret } }]
  const { spec, ...rest } = pod(name, { run: ['https-server.ts'], container })
  return { ...rest, spec: { ...spec, volumes } }
}
