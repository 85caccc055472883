import { type IpAddress, parseIp } from '#mesh/address.ts'
import { nearestName } from '#mesh/policy/schema/nearest-name.ts'
import { quote } from '#mesh/policy/schema/written.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import type { Workload } from '#mesh/workload.ts'
import type { Problem } from './explain.ts'
import { describeNamed, type NamedWorkloads, workloadsNamed } from './named-workloads.ts'
import { nameOf } from './names.ts'

/** Who connects. */
export interface Source {
  readonly asked: string
  /** Never empty; the one that was asked for comes first. */
  readonly addresses: readonly IpAddress[]
  /** Undefined for an address that no workload has: somebody from outside. */
  readonly workload: Workload | undefined
  /** Further workloads that were named as well, such as other pods of a Deployment. */
  readonly others: readonly Workload[]
  /** Whether a sidecar takes its connections. */
  readonly meshed: boolean
  readonly notes: readonly string[]
}

/** Finds the workload that a text names, one of `namespace` before others, or takes an address as it is. */
export function findSource(snapshot: Snapshot, asked: string, namespace?: string): Source | Problem {
  const ip = parseIp(asked)
  if (ip !== undefined) return sourceAt(snapshot, asked, ip)

  const rank = (named: NamedWorkloads) =>
    (namespace === undefined || named.namespace === namespace ? 0 : 2) + (named.owner === undefined ? 0 : 1)
  const found = workloadsNamed(snapshot, asked).sort((a, b) => rank(a) - rank(b))
  const [meant] = found
  if (meant === undefined) return { problem: unknown(snapshot, asked) }
  const alike = found.filter((named) => rank(named) === rank(meant))
  if (alike.length > 1) {
    const names = alike.map(nameOf)
    return { problem: `${quote(asked)} is the name of several workloads: write ${names.join(' or ')}` }
  }
  const [workload, ...others] = meant.workloads
  return { ...sourceOf(asked, workload.addresses, workload), others, notes: notesOn(meant, asked, namespace) }
}

/** Which workload a name was taken for, where that does not go without saying. */
function notesOn(named: NamedWorkloads, asked: string, namespace: string | undefined): string[] {
  const { workloads, owner } = named
  const about = `this is about ${nameOf(workloads[0])}`
  const elsewhere = namespace !== undefined && named.namespace !== namespace && asked === named.name
  return [
    ...(elsewhere ? [`nobody in namespace ${namespace} is named ${quote(asked)}: ${about}`] : []),
    ...(owner === undefined
      ? []
      : [`${quote(asked)} is ${describeNamed(named)}: ${about}, one of its ${count(workloads.length)}`]),
  ]
}

function count(workloads: number): string {
  return workloads === 1 ? '1 pod' : `${workloads} pods`
}

/** The source as which another workload connects. */
export function sourceOf(
  asked: string,
  addresses: readonly IpAddress[],
  workload: Workload | undefined,
): Source {
  const meshed = workload?.tunnel === 'hbone'
  return { asked, addresses, workload, others: [], meshed, notes: [] }
}

function sourceAt(snapshot: Snapshot, asked: string, ip: IpAddress): Source | Problem {
  const service = snapshot.serviceAt(ip)
  const workload = snapshot.workloadAt(ip)
  if (service && !workload) {
    return {
      problem: `${ip} is the virtual address of service ${nameOf(service)}: write one of its workloads`,
    }
  }
  const hosts = [...snapshot.workloads.values()].filter(({ addresses }) => addresses.includes(ip))
  const sharing = workload ? undefined : hosts[0]
  const owner = workload ?? sharing
  const source = sourceOf(asked, [ip, ...(owner?.addresses ?? []).filter((other) => other !== ip)], owner)
  if (hosts.length < 2 || workload) return source
  const names = hosts.map(nameOf).join(', ')
  return { ...source, notes: [...source.notes, `${ip} is the node’s address, which ${names} share`] }
}

function unknown(snapshot: Snapshot, asked: string): string {
  const workloads = [...snapshot.workloads.values()]
  const service = [...snapshot.services.values()].find(
    (service) => asked === service.name || asked === nameOf(service),
  )
  if (service) {
    const endpoints = snapshot.endpointsOf(service.key).map(nameOf)
    const write = endpoints.length === 0 ? 'it has none that is ready' : `write ${listed(endpoints, 'or')}`
    return `${quote(asked)} is a service, and connections come from workloads: ${write}`
  }
  const names = workloads.flatMap((workload) => [workload.name, nameOf(workload)])
  const nearest = nearestName(asked, names)
  const known = workloads.map(nameOf)
  const instead =
    nearest !== undefined
      ? `did you mean ${nearest}?`
      : known.length === 0
        ? 'there are none'
        : `write ${listed(known, 'or')}`
  return `no workload is named ${quote(asked)}: ${instead}`
}

/** At most four, so that a message stays a line. */
function listed(names: readonly string[], word: string): string {
  const shown = names.slice(0, 4)
  const more = names.length - shown.length
  return more > 0 ? `${shown.join(', ')} ${word} one of ${more} more` : shown.join(` ${word} `)
}
