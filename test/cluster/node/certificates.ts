import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from './place.ts'
import { plan } from './plan.ts'

/** Who there is: the name and groups that Kubernetes takes from a client certificate's subject. */
const clients = {
  admin: '/O=system:masters/CN=weft-test-admin',
  'controller-manager': '/CN=system:kube-controller-manager',
  scheduler: '/CN=system:kube-scheduler',
  proxy: '/CN=system:kube-proxy',
  'kubelet-weft-node': '/O=system:nodes/CN=system:node:weft-node',
  'kubelet-weft-node-2': '/O=system:nodes/CN=system:node:weft-node-2',
  'api-server-to-kubelet': '/O=system:masters/CN=kube-apiserver-kubelet-client',
} as const

export type Client = keyof typeof clients

const serverNames = {
  'api-server': [
    ...['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'].map(
      (name) => `DNS:${name}`,
    ),
    `DNS:kubernetes.default.svc.${plan.domain}`,
    ...['127.0.0.1', plan.apiService, plan.nodes[0].addresses[0]].map((ip) => `IP:${ip}`),
  ],
  'kubelet-server': plan.nodes.flatMap(({ name, addresses: [ip] }) => [`DNS:${name}`, `IP:${ip}`]),
} as const

/** Makes the cluster's authorities, a certificate for everybody, the key of service account tokens, and kubeconfigs. */
export function makeCertificates(place: Place): void {
  authority(place, 'ca')
  authority(place, 'front-proxy-ca')
  key(place, 'service-accounts')
  openssl(place, 'pkey', '-in', 'service-accounts.key', '-pubout', '-out', 'service-accounts.pub')
  for (const [name, subject] of Object.entries(clients)) certificate(place, name, { subject })
  for (const [name, names] of Object.entries(serverNames)) {
    certificate(place, name, { subject: `/CN=${name}`, usage: 'serverAuth', names })
  }
  // The API server's own towards aggregated APIs, which believe it about who asks.
  certificate(place, 'front-proxy', { subject: '/CN=front-proxy', signedBy: 'front-proxy-ca' })
  for (const client of Object.keys(clients) as Client[])
    writeFileSync(kubeconfigOf(place, client), kubeconfig(place, client))
}

/** The file by which this client reaches the API server from inside the cluster's network namespaces. */
export function kubeconfigOf(place: Place, client: Client): string {
  return client === 'admin' ? place.kubeconfig : join(place.certificates, `${client}.kubeconfig`)
}

function kubeconfig({ certificates }: Place, client: Client): string {
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'weft-test',
          cluster: {
            server: `https://${plan.nodes[0].addresses[0]}:${plan.apiPort}`,
            'certificate-authority': join(certificates, 'ca.crt'),
          },
        },
      ],
      users: [
        {
          name: client,
          user: {
            'client-certificate': join(certificates, `${client}.crt`),
            'client-key': join(certificates, `${client}.key`),
          },
        },
      ],
      contexts: [{ name: 'weft-test', context: { cluster: 'weft-test', user: client } }],
      'current-context': 'weft-test',
    },
    null,
    2,
  )
}

function authority(place: Place, name: string): void {
  key(place, name)
  const subject = ['-subj', `/CN=weft-test-${name}`]
  openssl(
    place,
    'req',
    '-x509',
    '-new',
    '-key',
    `${name}.key`,
    ...subject,
    '-days',
    '3650',
    '-out',
    `${name}.crt`,
  )
}

interface CertificateOptions {
  readonly subject: string
  readonly usage?: 'clientAuth' | 'serverAuth'
  readonly names?: readonly string[]
  readonly signedBy?: 'ca' | 'front-proxy-ca'
}

function certificate(
  place: Place,
  name: string,
  { subject, usage = 'clientAuth', names = [], signedBy = 'ca' }: CertificateOptions,
): void {
  key(place, name)
  openssl(place, 'req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`)
  const extensions = [
    `extendedKeyUsage=${usage}`,
    ...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []),
  ]
  writeFileSync(join(place.certificates, `${name}.ext`), extensions.join('\n'))
  const by = ['-CA', `${signedBy}.crt`, '-CAkey', `${signedBy}.key`, '-CAcreateserial']
  const signed = ['-in', `${name}.csr`, ...by]
  openssl(place, 'x509', '-req', ...signed, '-days', '365', '-extfile', `${name}.ext`, '-out', `${name}.crt`)
}

function key(place: Place, name: string): void {
  openssl(place, 'genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`)
}

function openssl({ certificates }: Place, ...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: certificates, stdio: ['ignore', 'pipe', 'pipe'] })
}
