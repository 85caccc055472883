import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Api } from './api.ts'
import { kubeconfigOf } from './certificates.ts'
import { writeCniConfiguration } from './network.ts'
import { answers, type Part } from './part.ts'
import type { Place } from './place.ts'
import { type NodePlan, plan } from './plan.ts'

export const pauseImage = 'weft.test/pause:1'

export interface WorkerOptions {
  /** Of this node. */
  readonly place: Place
  readonly programs: string
  readonly controlGroup: string
  readonly api: Api
}

/** What runs pods on a node, in the order in which it starts. */
export function worker(node: NodePlan, options: WorkerOptions): Part[] {
  const { place, programs } = options
  return [containerd(node, place), kubelet(node, options), proxy(node, place, programs)]
}

function containerd(node: NodePlan, place: Place): Part {
  const config = join(place.config, 'containerd.toml')
  writeFileSync(
    config,
    `version = 2
[grpc]
  address = "${place.containerd}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  # A machine in a container may not make its processes less likely to be killed.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "${writeCniConfiguration(place, node)}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
`,
  )
  return {
    name: 'containerd',
    command: ['containerd', '--config', config],
    healthy: async () => {
      await promisify(execFile)('ctr', ['--address', place.containerd, 'version'])
      return true
    },
  }
}

function kubelet(node: NodePlan, { place, programs, controlGroup, api }: WorkerOptions): Part {
  const config = join(place.config, 'kubelet.json')
  const certificate = (name: string): string => join(place.certificates, name)
  const settings = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: node.addresses[0],
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: certificate('ca.crt') },
    },
    authorization: { mode: 'AlwaysAllow' },
    tlsCertFile: certificate('kubelet-server.crt'),
    tlsPrivateKeyFile: certificate('kubelet-server.key'),
    containerRuntimeEndpoint: `unix://${place.containerd}`,
    clusterDomain: plan.domain,
    clusterDNS: [plan.dns],
    // No name outside of the cluster is ever looked up.
    resolvConf: '',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: controlGroup,
    failCgroupV1: false,
    enforceNodeAllocatable: [],
    // The machine's disk may be as full as it likes.
    evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    failSwapOn: false,
  }
  writeFileSync(config, JSON.stringify(settings, null, 2))
  return {
    name: 'kubelet',
    command: [
      join(programs, 'kubelet'),
      `--config=${config}`,
      `--kubeconfig=${kubeconfigOf(place, `kubelet-${node.name}`)}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.addresses.join()}`,
      `--node-labels=topology.kubernetes.io/zone=${node.zone}`,
    ],
    healthy: async () =>
      (await answers('http://127.0.0.1:10248/healthz')) && api(`/api/v1/nodes/${node.name}`),
  }
}

function proxy({ name, proxyMode }: NodePlan, place: Place, programs: string): Part {
  const config = join(place.config, 'kube-proxy.json')
  const settings = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: proxyMode,
    clientConnection: { kubeconfig: kubeconfigOf(place, 'proxy') },
    clusterCIDR: plan.pods.join(),
    // This table is the whole machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
  writeFileSync(config, JSON.stringify(settings, null, 2))
  return {
    name: 'kube-proxy',
    command: [join(programs, 'kube-proxy'), `--config=${config}`, `--hostname-override=${name}`],
    healthy: () => answers('http://127.0.0.1:10256/healthz'),
  }
}
