import type { EndpointAddress, IpAddress, SocketAddress } from '#mesh/address.ts'
import type { ConnectionFacts, Decision } from '#mesh/policy/decision.ts'
import { evaluate, type WorkloadPolicies, workloadPolicies } from '#mesh/policy/evaluate.ts'
import { describeDenial, explainDecision, joinTheMesh } from '#mesh/policy/explain.ts'
import { formatPolicy } from '#mesh/policy/format.ts'
import { forbiddenAuthorityPorts, ports } from '#mesh/ports.ts'
import type { Endpoint } from '#mesh/route.ts'
import type { Snapshot } from '#mesh/snapshot.ts'
import type { Workload } from '#mesh/workload.ts'
import { type Bypass, type ExclusionsOf, inboundBypass } from './bypass.ts'
import { nameOf } from './names.ts'
import type { Outcome } from './outcome.ts'
import type { Source } from './source.ts'

/** What the ends of a connection go by. */
export interface Known {
  readonly snapshot: Snapshot
  readonly exclusionsOf: ExclusionsOf
}

/** What the two ends make of a connection to an endpoint. */
export function judgeEndpoint(
  { address, workload, transport }: Endpoint,
  source: Source,
  { snapshot, exclusionsOf }: Known,
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
  const bypass = source.meshed ? undefined : inboundBypass(workload, address.port, exclusionsOf)
  if (bypass) {
    const because = `${bypass.because}: plaintext goes straight to the application, past all policy`
    return { ...through('plaintext', address, workload), because, changes: [bypass.change] }
  }
  return judgeMeshed(address, workload, source, snapshot)
}

/** The outcome of a connection that passes the source's own sidecar by, and is judged like one from outside. */
export function passedBy(outcome: Outcome, { because, change }: Bypass): Outcome {
  if (outcome.transport === 'within_pod') return outcome
  return {
    ...outcome,
    because: `${because}, so that it connects in plaintext and without an identity: ${outcome.because}`,
    changes: [change, ...outcome.changes.filter((each) => each !== joinTheMesh)],
  }
}

/** A connection that leaves the mesh. */
export function judgePassthrough(address: EndpointAddress, source: Source): Outcome {
  return {
    ...through('plaintext', address, undefined),
    because: 'the address is outside of the mesh, and egress is passthrough',
    changes: source.meshed ? ['write egress: registry-only into the settings of the mesh'] : [],
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
  const facts = factsOf(address, source)
  const claimed = source.meshed ? undefined : snapshot.workloadAt(facts.sourceIp)
  if (claimed?.tunnel === 'hbone' && snapshot.settings.rejectPlaintextFromMesh) {
    return {
      ...through('plaintext', address, workload),
      allowed: false,
      because: `the address is ${nameOf(claimed)}’s, which is meshed, and rejectPlaintextFromMesh is set`,
    }
  }
  const policies = policiesOf(workload, snapshot)
  const { allowed, decision, by, suggestions, wouldDeny } = explainDecision(facts, policies)
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
  const change = `mesh ${nameOf(workload)}: then ${describeDenial(then.reason)}`
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
