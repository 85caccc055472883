import type { Snapshot } from '#mesh/snapshot.ts'
import type { Service } from '#mesh/workload.ts'
import { type ExclusionsOf, outboundBypass } from './bypass.ts'
import { type Destination, findDestination } from './destination.ts'
import { differing } from './others.ts'
import type { Outcome } from './outcome.ts'
import { type Judged, outcomesOf } from './outcomes.ts'
import { findSource, type Source } from './source.ts'
import { type Verdict, verdictOf } from './verdict.ts'

export interface Question {
  /** As it was typed, like `destination`. */
  readonly source: string
  readonly destination: string
  /** Where names are looked up that say no namespace, before others. */
  readonly namespace?: string | undefined
}

export interface Answer {
  readonly source: Source
  readonly destination: Destination
  /** The service that the connection is spread by; undefined when it goes to an address as it is. */
  readonly service: Service | undefined
  readonly verdict: Verdict
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
export function explain(
  snapshot: Snapshot,
  question: Question,
  exclusionsOf: ExclusionsOf = () => undefined,
): Answer | Problem {
  const source = findSource(snapshot, question.source, question.namespace)
  if ('problem' in source) return source
  const destination = findDestination(snapshot, question.destination, source, question.namespace)
  if ('problem' in destination) return destination

  const judged = { snapshot, destination, exclusionsOf }
  const outcomes = outcomesOf(source, judged)
  return {
    source,
    destination,
    service: destination.service,
    verdict: verdictOf(outcomes),
    outcomes,
    notes: [
      ...source.notes,
      ...destination.notes,
      ...differing(source, outcomes, judged),
      ...assumptions(source, judged),
    ],
  }
}

function assumptions(source: Source, { destination: { service, port }, exclusionsOf }: Judged): string[] {
  const virtual = service?.addresses[0]
  if (virtual === undefined) return []
  const captured = source.meshed && !outboundBypass(source, { ip: virtual.ip, port }, exclusionsOf)
  if (captured) return []
  const why = source.meshed ? 'the connection passes the sidecar by' : 'the source is not meshed'
  return [`${why}: that kube-proxy or the like leads it from ${virtual.ip} to an endpoint is assumed`]
}
