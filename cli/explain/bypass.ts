import { cidrContains, formatCidr, type SocketAddress } from '#mesh/address.ts'
import { annotations } from '#mesh/annotations.ts'
import type { Exclusions } from '#mesh/exclusions.ts'
import type { Workload } from '#mesh/workload.ts'
import { nameOf } from './names.ts'
import type { Source } from './source.ts'

/** What a workload has its redirection leave alone; undefined when nobody can say, and then it is taken for nothing. */
export type ExclusionsOf = (workload: Workload) => Exclusions | undefined

/** A way past a sidecar that the pod's author opened. */
export interface Bypass {
  /** As a clause. */
  readonly because: string
  readonly change: string
}

/** How connections of the source to this address come to pass its sidecar by; undefined when they do not. */
export function outboundBypass(
  { workload, meshed }: Source,
  { ip, port }: SocketAddress,
  exclusionsOf: ExclusionsOf,
): Bypass | undefined {
  const exclusions = workload && meshed ? exclusionsOf(workload) : undefined
  if (!workload || !exclusions) return undefined
  const range = exclusions.outboundRanges.find((each) => cidrContains(each, ip))
  if (exclusions.outboundPorts.includes(port)) {
    return bypass(workload, `port ${port}`, annotations.excludeOutboundPorts)
  }
  return range && bypass(workload, formatCidr(range), annotations.excludeOutboundCidrs)
}

/** How plaintext connections to this port of the workload reach its application unjudged. */
export function inboundBypass(
  workload: Workload,
  port: number,
  exclusionsOf: ExclusionsOf,
): Bypass | undefined {
  const excluded = exclusionsOf(workload)?.inboundPorts.includes(port) === true
  return excluded ? bypass(workload, `port ${port}`, annotations.excludeInboundPorts) : undefined
}

function bypass(workload: Workload, what: string, annotation: string): Bypass {
  return {
    because: `${nameOf(workload)} excludes ${what} from its redirection`,
    change: `take ${what} out of ${annotation} and have ${nameOf(workload)} made anew`,
  }
}
