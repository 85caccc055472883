import { formatSocketAddress, type IpAddress, parseIp, parseSocketAddress } from '#mesh/address.ts'
import { nearestName } from '#mesh/policy/schema/nearest-name.ts'
import { quote } from '#mesh/policy/schema/written.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import type { Service, Workload } from '#mesh/workload.ts'
import type { Problem } from './explain.ts'
import { describeNamed, type NamedWorkloads, single, workloadsNamed } from './named-workloads.ts'
import { nameOf } from './names.ts'
import { readNames } from './read-names.ts'
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

/** Finds what `name:port` or `address:port` names, from where the source is; then in `namespace` before others. */
export function findDestination(
  snapshot: Snapshot,
  asked: string,
  source: Source,
  namespace?: string,
): Destination | Problem {
  const address = parseSocketAddress(asked)
  if (address) {
    const { ip, port } = address
    const service = snapshot.workloadAt(ip) ? undefined : snapshot.serviceAt(ip)
    return { asked, ips: [ip], port, service, notes: [] }
  }
  const split = splitPort(asked)
  if ('problem' in split) return split
  const { name, port } = split
  const near = [source.workload?.namespace, namespace]
  const candidates = named(snapshot, name).sort((a, b) => rank(a, near) - rank(b, near))
  const [meant, ...others] = candidates
  if (meant === undefined) return { problem: unknown(snapshot, name, port) }
  const alike = candidates.filter((candidate) => rank(candidate, near) === rank(meant, near))
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
  | { readonly kind: 'workload'; readonly named: NamedWorkloads }

/** Everything of that name, with a namespace or a kind in front or not, or of that hostname. */
function named(snapshot: Snapshot, text: string): Candidate[] {
  const name = text.replace(/\.$/, '')
  const services = [...snapshot.services.values()].filter(
    (service) => hostnames(service).includes(name) || isServiceNamed(service, name),
  )
  const hosts = [...snapshot.workloads.values()].filter((workload) =>
    podHostnames(snapshot, workload).includes(name),
  )
  const workloads = [...workloadsNamed(snapshot, name), ...hosts.map(single)]
  return [
    ...services.map((service) => ({ kind: 'service' as const, named: service })),
    ...workloads.map((each) => ({ kind: 'workload' as const, named: each })),
  ]
}

function isServiceNamed(service: Service, text: string): boolean {
  return readNames(text).some(({ kind, namespace, name }) => {
    if (kind !== undefined && kind !== 'service') return false
    return name === service.name && (namespace === undefined || namespace === service.namespace)
  })
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
function rank({ kind, named: it }: Candidate, near: readonly (string | undefined)[]): number {
  const place = near.indexOf(it.namespace)
  const distance = place === -1 ? near.length : place
  return distance * 3 + (kind === 'service' ? 0 : it.owner === undefined ? 1 : 2)
}

function ipsOf(snapshot: Snapshot, meant: Candidate): readonly IpAddress[] {
  if (meant.kind === 'workload') return meant.named.workloads.flatMap((workload) => workload.addresses)
  const { key, addresses, publishNotReady } = meant.named
  if (addresses.length > 0) return addresses.map(({ ip }) => ip)
  return snapshot
    .endpointsOf(key)
    .filter(({ health }) => publishNotReady || health === 'healthy')
    .flatMap((workload) => workload.addresses)
}

function alsoNamed(name: string, meant: Candidate, others: readonly Candidate[]): string[] {
  if (others.length === 0) return []
  const written = others.map((other) => {
    const [only, more] = other.kind === 'workload' ? other.named.workloads : []
    const address = only && more === undefined ? ` (${only.addresses.join(', ')})` : ''
    return `${describeCandidate(other)}${address}`
  })
  return [`${quote(name)} also names ${written.join(', ')}: this answer is about ${describeCandidate(meant)}`]
}

function describeCandidate({ kind, named: it }: Candidate): string {
  if (kind === 'service') return `service ${nameOf(it)}`
  return it.owner === undefined ? `workload ${nameOf(it)}` : describeNamed(it)
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
      ? 'write the name of a service or a workload, or an IP address'
      : `did you mean ${nearest}:${port}?`
  return `no service or workload is named ${quote(name)}: ${instead}`
}
