import { type IpAddress, parseIp } from '#mesh/address.ts'
import { nearestName } from '#mesh/policy/schema/nearest-name.ts'
import { quote } from '#mesh/policy/schema/written.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import type { Workload } from '#mesh/workload.ts'
import type { Problem } from './explain.ts'
import { nameOf } from './names.ts'

/** Who connects. */
export interface Source {
  readonly asked: string
  /** Never empty; the one that was asked for comes first. */
  readonly addresses: readonly IpAddress[]
  /** Undefined for an address that the registry does not know: somebody from outside. */
  readonly workload: Workload | undefined
  /** Whether a sidecar takes its connections. */
  readonly meshed: boolean
  readonly notes: readonly string[]
}

/** Finds the workload that a text names, or takes an address as it is. */
export function findSource(snapshot: Snapshot, asked: string): Source | Problem {
  const workloads = [...snapshot.workloads.values()]
  const ip = parseIp(asked)
  if (ip !== undefined) return sourceAt(snapshot, workloads, asked, ip)

  const found = workloads.filter((workload) => asked === workload.name || asked === nameOf(workload))
  const [workload, ...others] = found
  if (workload === undefined) return { problem: unknown(snapshot, workloads, asked) }
  if (others.length > 0) {
    const names = found.map(nameOf)
    return { problem: `${quote(asked)} is the name of several workloads: write ${names.join(' or ')}` }
  }
  return sourceOf(asked, workload.addresses, workload)
}

function sourceAt(
  snapshot: Snapshot,
  workloads: readonly Workload[],
  asked: string,
  ip: IpAddress,
): Source | Problem {
  const service = snapshot.serviceAt(ip)
  const workload = snapshot.workloadAt(ip)
  if (service && !workload) {
    return {
      problem: `${ip} is the virtual address of service ${nameOf(service)}: write one of its workloads`,
    }
  }
  const hosts = workloads.filter(({ addresses }) => addresses.includes(ip))
  const sharing = workload ? undefined : hosts[0]
  const owner = workload ?? sharing
  const source = sourceOf(asked, [ip, ...(owner?.addresses ?? []).filter((other) => other !== ip)], owner)
  if (hosts.length < 2 || workload) return source
  const names = hosts.map(nameOf).join(', ')
  return { ...source, notes: [...source.notes, `${ip} is the node’s address, which ${names} share`] }
}

function sourceOf(asked: string, addresses: readonly IpAddress[], workload: Workload | undefined): Source {
  return { asked, addresses, workload, meshed: workload?.tunnel === 'hbone', notes: [] }
}

function unknown(snapshot: Snapshot, workloads: readonly Workload[], asked: string): string {
  const service = [...snapshot.services.values()].find(
    (service) => asked === service.name || asked === nameOf(service),
  )
  if (service) {
    const endpoints = snapshot.endpointsOf(service.key).map(nameOf)
    const write = endpoints.length === 0 ? 'it has none' : `write ${listed(endpoints, 'or')}`
    return `${quote(asked)} is a service, and connections come from workloads: ${write}`
  }
  const names = workloads.flatMap((workload) => [workload.name, nameOf(workload)])
  const nearest = nearestName(asked, names)
  const known = workloads.map(nameOf)
  const instead =
    nearest !== undefined
      ? `did you mean ${nearest}?`
      : known.length === 0
        ? 'the registry has none'
        : `write ${listed(known, 'or')}`
  return `no workload is named ${quote(asked)}: ${instead}`
}

/** At most four, so that a message stays a line. */
function listed(names: readonly string[], word: string): string {
  const shown = names.slice(0, 4)
  const more = names.length - shown.length
  return more > 0 ? `${shown.join(', ')} ${word} one of ${more} more` : shown.join(` ${word} `)
}
