import type { EndpointAddress, IpAddress, SocketAddress } from '#mesh/address.ts'
import type { ConnectionFacts, Decision } from '#mesh/policy/decision.ts'
import { evaluate, type WorkloadPolicies, workloadPolicies } from '#mesh/policy/evaluate.ts'
import { describeDenial, explainDecision } from '#mesh/policy/explain.ts'
import { formatPolicy } from '#mesh/policy/format.ts'
import { forbiddenAuthorityPorts, ports } from '#mesh/ports.ts'
import type { Endpoint } from '#mesh/route.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import type { Workload } from '#mesh/workload.ts'
import { nameOf } from './names.ts'
import type { Outcome } from './outcome.ts'
import type { Source } from './source.ts'

/** What the two ends make of a connection to an endpoint. */
export function judgeEndpoint(
  { address, workload, transport }: Endpoint,
  source: Source,
  snapshot: Snapshot,
): Outcome {
  if (transport === 'own') {
    return { ...through('within_pod', address, workload), because: 'a pod reaches itself past all policy' }
  }
  if (!workload || transport === 'plain') return judgeUnmeshed(address, workload, source, snapshot)
  if (forbiddenAuthorityPorts.has(address.port)) {
    return {
      ...through('none', address, workload),
      allowed: false,
      because: `port ${address.port} is the sidecar’s own there`,
      changes: ['write the port that the application listens on'],
    }
  }
  if (!source.meshed && unredirected.has(address.port)) {
    return {
      ...through('plaintext', address, workload),
      because: `the sidecar itself serves port ${address.port}, to plaintext without policy`,
    }
  }
  return judgeMeshed(address, workload, source, snapshot)
}

/** A connection that leaves the mesh. */
export function judgePassthrough(address: EndpointAddress, source: Source): Outcome {
  return {
    ...through('plaintext', address, undefined),
    because: 'the address is outside of the mesh, and egress is passthrough',
    changes: source.meshed ? ['write egress: registry-only in the section mesh'] : [],
  }
}

/** A connection that no sidecar sees. */
export function judgeUncaptured(address: SocketAddress, because: string): Outcome {
  return { ...through('plaintext', address, undefined), because }
}

/** Ports of a pod that redirection leaves to the sidecar's own listeners. */
const unredirected: ReadonlySet<number> = new Set([ports.metrics, ports.readiness])

function judgeMeshed(
  address: EndpointAddress,
  workload: Workload,
  source: Source,
  snapshot: Snapshot,
): Outcome {
  const policies = policiesOf(workload, snapshot)
  const { allowed, decision, by, suggestions, wouldDeny } = explainDecision(
    factsOf(address, source),
    policies,
  )
  return {
    ...through(source.meshed ? 'mutual_tls' : 'plaintext', address, workload),
    allowed,
    because: reasonOf(decision),
    by,
    changes: suggestions,
    wouldDeny,
  }
}

/** Nobody there enforces anything; whether somebody would, were it meshed, is what could change the answer. */
function judgeUnmeshed(
  address: EndpointAddress,
  workload: Workload | undefined,
  source: Source,
  snapshot: Snapshot,
): Outcome {
  const outcome = through('plaintext', address, workload)
  if (!workload) return { ...outcome, because: 'nobody of the mesh has the address' }
  const because = `${nameOf(workload)} is not meshed, so that no policy is enforced there`
  if (workload.hostNetwork) return { ...outcome, because }
  const then = evaluate(factsOf(address, source), policiesOf(workload, snapshot))
  if (then.kind === 'permit') return { ...outcome, because }
  const change = `mesh ${nameOf(workload)} (meshed: true): then ${describeDenial(then.reason)}`
  return { ...outcome, because, changes: [change] }
}

/** What the enforcing end has to judge by: nothing but what was proven. */
function factsOf(destination: EndpointAddress, { workload, meshed, addresses }: Source): ConnectionFacts {
  return {
    peer: meshed ? workload?.identity : undefined,
    sourceIp: addressLike(destination.ip, addresses),
    destination,
  }
}

/** The source's address of the destination's family, which the kernel would choose. */
function addressLike(destination: IpAddress, addresses: readonly IpAddress[]): IpAddress {
  const isV6 = destination.includes(':')
  return addresses.find((ip) => ip.includes(':') === isV6) ?? addresses[0]!
}

function policiesOf(workload: Workload, { authorizations }: Snapshot): WorkloadPolicies {
  return workloadPolicies(workload.authorizationPolicies, authorizations)
}

function reasonOf(decision: Decision): string {
  if (decision.kind === 'denial') return describeDenial(decision.reason)
  if (decision.by === undefined) return 'no Allow policy holds on the workload'
  return `rule ${decision.by.rule} of ${formatPolicy(decision.by.policy)} allows it`
}

function through(
  transport: Outcome['transport'],
  address: SocketAddress,
  workload: Workload | undefined,
): Omit<Outcome, 'because'> {
  return { address, workload, transport, allowed: true, by: undefined, changes: [], wouldDeny: [] }
}
