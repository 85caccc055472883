import { formatSocketAddress, type IpAddress, type SocketAddress } from '#mesh/address.ts'
import { resolveRoute } from '#mesh/route.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import type { Service } from '#mesh/workload.ts'
import { type Destination, findDestination } from './destination.ts'
import { judgeEndpoint, judgePassthrough, judgeUncaptured } from './judge.ts'
import type { Outcome } from './outcome.ts'
import { judgeRefusal } from './refusal.ts'
import { findSource, type Source } from './source.ts'
import { uncaptured } from './uncaptured.ts'

export interface Question {
  /** As it was typed, like `destination`. */
  readonly source: string
  readonly destination: string
}

export interface Answer {
  readonly source: Source
  readonly destination: Destination
  /** The service that the connection is spread by; undefined when it goes to an address as it is. */
  readonly service: Service | undefined
  /** `partly`: some endpoints may be reached and others not. */
  readonly verdict: 'yes' | 'no' | 'partly'
  /** One for each place where the connection may end up; never empty. */
  readonly outcomes: readonly Outcome[]
  /** What else the question could have meant, and what the answer does not cover. */
  readonly notes: readonly string[]
}

/** What is wrong with a question, and what to ask instead. */
export interface Problem {
  readonly problem: string
}

/** Whether a connection is allowed, by the functions that sidecars route and enforce with. Never throws. */
export function explain(snapshot: Snapshot, question: Question): Answer | Problem {
  const source = findSource(snapshot, question.source)
  if ('problem' in source) return source
  const destination = findDestination(snapshot, question.destination, source)
  if ('problem' in destination) return destination

  const outcomes = outcomesOf(snapshot, source, destination)
  const allowed = outcomes.filter((outcome) => outcome.allowed).length
  return {
    source,
    destination,
    service: destination.service,
    verdict: allowed === outcomes.length ? 'yes' : allowed === 0 ? 'no' : 'partly',
    outcomes,
    notes: [...source.notes, ...destination.notes, ...assumptions(source, destination)],
  }
}

function outcomesOf(snapshot: Snapshot, source: Source, { ips, port, service }: Destination): Outcome[] {
  if (ips.length === 0) {
    // A headless service of which DNS knows no address: nobody gets as far as dialling.
    const reason = { kind: 'no_endpoints', service: service?.key ?? '' } as const
    return [judgeRefusal(reason, undefined, source, snapshot)]
  }
  // Keyed, because virtual addresses of two families lead to one endpoint where it has an address of one only.
  const byAddress = new Map<string, Outcome>()
  for (const ip of ips) {
    const dialled = { ip, port }
    for (const outcome of outcomesAt(snapshot, source, dialled)) {
      byAddress.set(formatSocketAddress(outcome.address ?? dialled), outcome)
    }
  }
  return [...byAddress.values()]
}

function assumptions(source: Source, { service }: Destination): string[] {
  const virtual = service?.addresses[0]
  if (source.meshed || virtual === undefined) return []
  return [
    `the source is not meshed: that kube-proxy or the like leads it from ${virtual.ip} to an endpoint is assumed`,
  ]
}

function outcomesAt(snapshot: Snapshot, source: Source, destination: SocketAddress): Outcome[] {
  const why = uncaptured(destination.ip)
  if (why !== undefined) return [judgeUncaptured(destination, why)]
  const own: ReadonlySet<IpAddress> = new Set(source.addresses)
  const route = resolveRoute(snapshot, destination, own)
  switch (route.kind) {
    case 'endpoints':
      return route.endpoints.map((endpoint) => judgeEndpoint(endpoint, source, snapshot))
    case 'passthrough':
      return [judgePassthrough(route.address, source)]
    case 'refused':
      return [judgeRefusal(route.reason, destination, source, snapshot)]
  }
}
