import { formatSocketAddress, type IpAddress, type SocketAddress } from '#mesh/address.ts'
import { resolveRoute } from '#mesh/route.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import { type ExclusionsOf, outboundBypass } from './bypass.ts'
import type { Destination } from './destination.ts'
import { judgeEndpoint, judgePassthrough, judgeUncaptured, passedBy } from './judge.ts'
import type { Outcome } from './outcome.ts'
import { judgeRefusal } from './refusal.ts'
import type { Source } from './source.ts'
import { uncaptured } from './uncaptured.ts'

/** What is the same for every source that is asked about. */
export interface Judged {
  readonly snapshot: Snapshot
  readonly destination: Destination
  readonly exclusionsOf: ExclusionsOf
}

/** What becomes of a connection at every place where it may end up; never empty. */
export function outcomesOf(source: Source, judged: Judged): Outcome[] {
  const { ips, port, service } = judged.destination
  if (ips.length === 0) {
    // A headless service of which DNS knows no address: nobody gets as far as dialling.
    const reason = { kind: 'no_endpoints', service: service?.key ?? '' } as const
    return [judgeRefusal(reason, undefined, source, judged.snapshot)]
  }
  // Keyed, because virtual addresses of two families lead to one endpoint where it has an address of one only.
  const byAddress = new Map<string, Outcome>()
  for (const ip of ips) {
    const dialled = { ip, port }
    for (const outcome of outcomesAt(source, dialled, judged)) {
      byAddress.set(formatSocketAddress(outcome.address ?? dialled), outcome)
    }
  }
  return [...byAddress.values()]
}

function outcomesAt(source: Source, destination: SocketAddress, judged: Judged): Outcome[] {
  const why = uncaptured(destination.ip)
  if (why !== undefined) return [judgeUncaptured(destination, why)]
  const bypass = outboundBypass(source, destination, judged.exclusionsOf)
  if (!bypass) return judgeRoute(source, destination, judged)
  // Past its sidecar it is like anybody who has none.
  return judgeRoute({ ...source, meshed: false }, destination, judged).map((it) => passedBy(it, bypass))
}

function judgeRoute(
  source: Source,
  destination: SocketAddress,
  { snapshot, exclusionsOf }: Judged,
): Outcome[] {
  const own: ReadonlySet<IpAddress> = new Set(source.addresses)
  const route = resolveRoute(snapshot, destination, own)
  switch (route.kind) {
    case 'endpoints':
      return route.endpoints.map((endpoint) => judgeEndpoint(endpoint, source, { snapshot, exclusionsOf }))
    case 'passthrough':
      return [judgePassthrough(route.address, source)]
    case 'refused':
      return [judgeRefusal(route.reason, destination, source, snapshot)]
  }
}
