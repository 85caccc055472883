import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { kubeconfigOf } from './certificates.ts'
import type { Api } from './control-plane.ts'
import { writeCniConfiguration } from './network.ts'
import { answers, type Part } from './part.ts'
import type { Place } from './place.ts'
import { plan } from './plan.ts'

export const pauseImage = 'weft.test/pause:1'

/** What runs pods on the node, in the order in which it starts. */
export function worker(place: Place, programs: string, controlGroup: string, api: Api): Part[] {
  return [containerd(place), kubelet(place, programs, controlGroup, api), proxy(place, programs)]
}

function containerd(place: Place): Part {
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
    conf_dir = "${writeCniConfiguration(place)}"
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

function kubelet(place: Place, programs: string, controlGroup: string, api: Api): Part {
  const config = join(place.config, 'kubelet.json')
  const certificate = (name: string): string => join(place.certificates, name)
  const settings = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: plan.node,
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
      `--kubeconfig=${kubeconfigOf(place, 'kubelet')}`,
      `--hostname-override=${plan.nodeName}`,
      `--node-ip=${plan.node}`,
    ],
    healthy: async () =>
      (await answers('http://127.0.0.1:10248/healthz')) && api(`/api/v1/nodes/${plan.nodeName}`),
  }
}

function proxy(place: Place, programs: string): Part {
  const config = join(place.config, 'kube-proxy.json')
  const settings = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    clientConnection: { kubeconfig: kubeconfigOf(place, 'proxy') },
    clusterCIDR: plan.pods,
    // This table is the whole machine's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  }
  writeFileSync(config, JSON.stringify(settings, null, 2))
  return {
    name: 'kube-proxy',
    command: [join(programs, 'kube-proxy'), `--config=${config}`, `--hostname-override=${plan.nodeName}`],
    healthy: () => answers('http://127.0.0.1:10256/healthz'),
  }
}
