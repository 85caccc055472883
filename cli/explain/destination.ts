import { formatSocketAddress, type IpAddress, parseIp, parseSocketAddress } from '#mesh/address.ts'
import { nearestName } from '#mesh/policy/schema/nearest-name.ts'
import { quote } from '#mesh/policy/schema/written.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import type { Service, Workload } from '#mesh/workload.ts'
import type { Problem } from './explain.ts'
import { nameOf } from './names.ts'
import type { Source } from './source.ts'
import { splitPort, unbracketed } from './split-port.ts'

/** Where the connection is to go. */
export interface Destination {
  readonly asked: string
  /** What the application would dial, as DNS would answer it; empty for a headless service without endpoints. */
  readonly ips: readonly IpAddress[]
  readonly port: number
  /** What was named, or has the address. */
  readonly service: Service | undefined
  readonly notes: readonly string[]
}

/** Finds what `name:port` or `address:port` names, from where the source is. */
export function findDestination(snapshot: Snapshot, asked: string, source: Source): Destination | Problem {
  const address = parseSocketAddress(asked)
  if (address) {
    const { ip, port } = address
    const service = snapshot.workloadAt(ip) ? undefined : snapshot.serviceAt(ip)
    return { asked, ips: [ip], port, service, notes: [] }
  }
  const split = splitPort(asked)
  if ('problem' in split) return split
  const { name, port } = split
  const candidates = [...named(snapshot, name)].sort((a, b) => rank(a, source) - rank(b, source))
  const [meant, ...others] = candidates
  if (meant === undefined) return { problem: unknown(snapshot, name, port) }
  const alike = candidates.filter((candidate) => rank(candidate, source) === rank(meant, source))
  if (alike.length > 1) {
    const names = alike.map((candidate) => `${nameOf(candidate.named)}:${port}`)
    return { problem: `${quote(name)} is the name of several ${meant.kind}s: write ${names.join(' or ')}` }
  }
  return {
    asked,
    port,
    ips: ipsOf(snapshot, meant),
    service: meant.kind === 'service' ? meant.named : undefined,
    notes: alsoNamed(name, meant, others),
  }
}

type Candidate =
  | { readonly kind: 'service'; readonly named: Service }
  | { readonly kind: 'workload'; readonly named: Workload }

/** Everything of that name, `namespace/name` or hostname. */
function named(snapshot: Snapshot, text: string): Candidate[] {
  const services = [...snapshot.services.values()]
  const workloads = [...snapshot.workloads.values()]
  const name = text.replace(/\.$/, '')
  const isNamed = (it: Service | Workload) => name === it.name || name === nameOf(it)
  return [
    ...services
      .filter((service) => isNamed(service) || hostnames(service).includes(name))
      .map((service) => ({ kind: 'service' as const, named: service })),
    ...workloads
      .filter((workload) => isNamed(workload) || podHostnames(snapshot, workload).includes(name))
      .map((workload) => ({ kind: 'workload' as const, named: workload })),
  ]
}

/** What a resolver makes of a service's name inside the cluster. */
function hostnames({ name, namespace, hostname }: Service): string[] {
  return [hostname, `${name}.${namespace}.svc`, `${name}.${namespace}`]
}

/** A StatefulSet's pod has a name below its service's. */
function podHostnames(snapshot: Snapshot, { name, services }: Workload): string[] {
  return [...services.keys()].flatMap((key) => {
    const service = snapshot.services.get(key)
    return service ? [service.name, ...hostnames(service)].map((hostname) => `${name}.${hostname}`) : []
  })
}

/** The lowest is meant: a name is looked up in the source's own namespace first, and services are what DNS knows. */
function rank({ kind, named: { namespace } }: Candidate, { workload }: Source): number {
  return (namespace === workload?.namespace ? 0 : 2) + (kind === 'service' ? 0 : 1)
}

function ipsOf(snapshot: Snapshot, meant: Candidate): readonly IpAddress[] {
  if (meant.kind === 'workload') return meant.named.addresses
  const { key, addresses, publishNotReady } = meant.named
  if (addresses.length > 0) return addresses.map(({ ip }) => ip)
  return snapshot
    .endpointsOf(key)
    .filter(({ health }) => publishNotReady || health === 'healthy')
    .flatMap((workload) => workload.addresses)
}

function alsoNamed(name: string, meant: Candidate, others: readonly Candidate[]): string[] {
  if (others.length === 0) return []
  const written = others.map(({ kind, named: other }) => {
    const address = kind === 'workload' ? ` (${other.addresses.join(', ')})` : ''
    return `${kind} ${nameOf(other)}${address}`
  })
  const about = `${meant.kind} ${nameOf(meant.named)}`
  return [`${quote(name)} also names ${written.join(', ')}: this answer is about ${about}`]
}

function unknown(snapshot: Snapshot, name: string, port: number): string {
  const ip = parseIp(unbracketed(name))
  if (ip !== undefined) {
    return `${quote(`${name}:${port}`)} is no address: write ${formatSocketAddress({ ip, port })}`
  }
  const known = [...snapshot.services.values(), ...snapshot.workloads.values()]
  const nearest = nearestName(name, [
    ...known.flatMap((it) => [it.name, nameOf(it)]),
    ...[...snapshot.services.values()].flatMap(hostnames),
  ])
  const instead =
    nearest === undefined
      ? 'write a name of the registry, or an IP address'
      : `did you mean ${nearest}:${port}?`
  return `no service or workload is named ${quote(name)}: ${instead}`
}
