import { join } from 'node:path'
import type { Api } from './api.ts'
import { kubeconfigOf } from './certificates.ts'
import { answers, type Part } from './part.ts'
import type { Place } from './place.ts'
import { plan } from './plan.ts'

/** What stores the cluster's objects, and what acts on them; in the order in which they start. */
export function controlPlane(place: Place, programs: string, api: Api): Part[] {
  return [
    etcd(),
    apiServer(place, programs, api),
    controllerManager(place, programs, api),
    {
      name: 'kube-scheduler',
      command: [
        join(programs, 'kube-scheduler'),
        `--kubeconfig=${kubeconfigOf(place, 'scheduler')}`,
        '--leader-elect=false',
        '--bind-address=127.0.0.1',
      ],
      healthy: () => api('/readyz'),
    },
  ]
}

function etcd(): Part {
  const client = 'http://127.0.0.1:2379'
  return {
    name: 'etcd',
    command: [
      'etcd',
      '--data-dir=/var/lib/etcd',
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      '--listen-peer-urls=http://127.0.0.1:2380',
      // What it stores is thrown away with the cluster; nobody waits for the disk.
      '--unsafe-no-fsync',
    ],
    healthy: () => answers(`${client}/health`),
  }
}

function apiServer({ certificates }: Place, programs: string, api: Api): Part {
  const file = (name: string): string => join(certificates, name)
  return {
    name: 'kube-apiserver',
    command: [
      join(programs, 'kube-apiserver'),
      '--etcd-servers=http://127.0.0.1:2379',
      `--advertise-address=${plan.nodes[0].addresses[0]}`,
      `--secure-port=${plan.apiPort}`,
      `--service-cluster-ip-range=${plan.services.join()}`,
      `--client-ca-file=${file('ca.crt')}`,
      `--tls-cert-file=${file('api-server.crt')}`,
      `--tls-private-key-file=${file('api-server.key')}`,
      `--service-account-key-file=${file('service-accounts.pub')}`,
      `--service-account-signing-key-file=${file('service-accounts.key')}`,
      `--service-account-issuer=https://kubernetes.default.svc.${plan.domain}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      `--kubelet-certificate-authority=${file('ca.crt')}`,
      `--kubelet-client-certificate=${file('api-server-to-kubelet.crt')}`,
      `--kubelet-client-key=${file('api-server-to-kubelet.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      // How an aggregated API knows that the API server asks it, and for whom.
      `--requestheader-client-ca-file=${file('front-proxy-ca.crt')}`,
      '--requestheader-allowed-names=front-proxy',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${file('front-proxy.crt')}`,
      `--proxy-client-key-file=${file('front-proxy.key')}`,
      '--allow-privileged=true',
    ],
    healthy: () => api('/readyz'),
  }
}

function controllerManager(place: Place, programs: string, api: Api): Part {
  const kubeconfig = kubeconfigOf(place, 'controller-manager')
  return {
    name: 'kube-controller-manager',
    command: [
      join(programs, 'kube-controller-manager'),
      `--kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--bind-address=127.0.0.1',
      '--use-service-account-credentials',
      `--root-ca-file=${join(place.certificates, 'ca.crt')}`,
      `--service-account-private-key-file=${join(place.certificates, 'service-accounts.key')}`,
      '--allocate-node-cidrs',
      `--cluster-cidr=${plan.pods.join()}`,
      `--service-cluster-ip-range=${plan.services.join()}`,
    ],
    // It has made this once its controllers run.
    healthy: () => api('/api/v1/namespaces/default/serviceaccounts/default'),
  }
}
