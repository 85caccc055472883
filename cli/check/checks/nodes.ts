import type { Facts, NodeFacts } from '../facts.ts'
import { count, type Finding, ok, some, unseen } from '../finding.ts'

/** Nodes on which a meshed pod could not run. */
export function checkNodes({ nodes }: Facts): Finding[] {
  if (nodes.kind !== 'seen')
    return [unseen('nodes', 'nodes', nodes.kind === 'hidden' ? nodes.why : 'there are none')]
  const windows = nodes.value.filter(({ os }) => os === 'windows')
  const linux = nodes.value.filter(({ os }) => os !== 'windows')
  const oldKubelets = linux.filter(({ version }) => minorOf(version) < 29)
  const oldKernels = linux.filter(({ kernel }) => !isAtLeast(kernel, 4, 19))
  const findings: Finding[] = []
  if (oldKubelets.length > 0) {
    findings.push({
      check: 'nodes',
      level: 'problem',
      message: `the kubelet is older than 1.29 on ${names(oldKubelets)}, and starts no native sidecars`,
      remedy: 'upgrade these nodes',
    })
  }
  if (oldKernels.length > 0) {
    findings.push({
      check: 'nodes',
      level: 'warning',
      message: `the kernel is older than 4.19 on ${names(oldKernels)}: redirection was never tried there`,
      remedy: 'if weft-init fails there, load iptable_nat or nf_tables and nft_chain_nat into the kernel',
      commands: ['modprobe -a nf_tables nft_chain_nat nft_compat xt_REDIRECT xt_owner xt_addrtype'],
    })
  }
  if (windows.length > 0) {
    findings.push({
      check: 'nodes',
      level: 'warning',
      message: `pods on Windows cannot be meshed: ${names(windows)}`,
      remedy: 'keep what is meshed on Linux with a nodeSelector on kubernetes.io/os',
    })
  }
  return findings.length > 0
    ? findings
    : [ok('nodes', `${count(linux.length, 'node')}, all of which can run sidecars`)]
}

function names(nodes: readonly NodeFacts[]): string {
  return some(nodes.map(({ name }) => name))
}

function minorOf(version: string): number {
  return Number(/^v?1\.(\d+)/.exec(version)?.[1] ?? Number.NaN)
}

function isAtLeast(kernel: string, major: number, minor: number): boolean {
  const [, a, b] = /^(\d+)\.(\d+)/.exec(kernel) ?? []
  return Number(a) > major || (Number(a) === major && Number(b) >= minor)
}
