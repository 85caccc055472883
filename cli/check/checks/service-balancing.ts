import type { Facts } from '../facts.ts'
import { type Finding, ok } from '../finding.ts'

/** Network plugins that put a pod's address in a Service's place before the kernel can bring it to the sidecar. */
export function checkServiceBalancing({ cilium, calico }: Facts): Finding[] {
  const findings: Finding[] = []
  if (cilium.kind === 'seen' && ciliumRewrites(cilium.value)) {
    findings.push({
      check: 'service-balancing',
      level: 'warning',
      message:
        'Cilium chooses the endpoint of a Service inside the pod, so that the sidecar sees pods and never Services: ' +
        'mutual TLS holds, but balancing is Cilium’s',
      remedy: 'set socketLB.hostNamespaceOnly=true',
      commands: [
        'helm -n kube-system upgrade cilium cilium/cilium --reuse-values --set socketLB.hostNamespaceOnly=true',
      ],
    })
  }
  if (calico.kind === 'seen' && calicoRewrites(calico.value)) {
    findings.push({
      check: 'service-balancing',
      level: 'warning',
      message:
        'Calico’s eBPF data plane chooses the endpoint of a Service at connect time, so that the sidecar sees pods ' +
        'and never Services: mutual TLS holds, but balancing is Calico’s',
      remedy: 'disable connect-time load balancing for TCP',
      commands: [
        `kubectl patch felixconfiguration default --type merge -p '{"spec":{"bpfConnectTimeLoadBalancing":"Disabled","bpfHostNetworkedNATWithoutCTLB":"Enabled"}}'`,
      ],
    })
  }
  return findings.length > 0
    ? findings
    : [ok('service-balancing', 'nothing takes Services away from the sidecar')]
}

function ciliumRewrites(config: Readonly<Record<string, string>>): boolean {
  const replaces = ['true', 'strict'].includes(config['kube-proxy-replacement'] ?? '')
  const socket = config['bpf-lb-sock'] === 'true' || (replaces && config['bpf-lb-sock'] !== 'false')
  return socket && config['bpf-lb-sock-hostns-only'] !== 'true'
}

function calicoRewrites(spec: Readonly<Record<string, unknown>>): boolean {
  if (spec['bpfEnabled'] !== true) return false
  const written = spec['bpfConnectTimeLoadBalancing']
  // Without it, the older switch counts, which is on unless said otherwise.
  return written === undefined ? spec['bpfConnectTimeLoadBalancingEnabled'] !== false : written !== 'Disabled'
}
