import type { Socket } from 'node:net'
import {
  type EndpointAddress,
  type IpAddress,
  type OriginalDestination,
  parseSocketAddress,
  type SocketAddress,
} from '#mesh/address.ts'
import type { ConnectionFacts, Permit } from '#mesh/policy/decision.ts'
import { forbiddenAuthorityPorts } from '#mesh/ports.ts'
import { insideMesh } from '#mesh/snapshot.ts'
import { sameIdentity } from '#mesh/spiffe-id.ts'
import { type Connections, missingPolicyGrace } from '../connections/connections.ts'
import type { ConnectionRecord } from '../connections/record.ts'
import { type Refusal, RefusedError, refusalOf } from '../connections/refusal.ts'
import { isRevoked, type Peer, stillTrusted } from '../tunnel/peer.ts'
import type { TunnelRequest } from '../tunnel/tunnel.ts'
import { judge, missingPart, type Picture, type View } from '../view/view.ts'
import { dial } from './dial.ts'
import { pump } from './pump.ts'
import { socketLeg } from './socket-leg.ts'

export interface Inbound {
  readonly view: View
  readonly connections: Connections
  /** This pod's own addresses. */
  readonly own: ReadonlySet<IpAddress>
}

export interface InboundPlaintext extends Inbound {
  /** Asks the control plane who has an address; resolves once the view knows, or nobody answers. */
  readonly ask: (ip: IpAddress, signal: AbortSignal) => Promise<void>
}

/** One connection that a meshed peer asks for through its tunnel. */
export async function inboundTunnel(request: TunnelRequest, inbound: Inbound): Promise<void> {
  using record = inbound.connections.open('inbound', { ip: request.peerIp })
  record.peer = request.peer.identity
  record.peerSerial = request.peer.serial
  const refuse = (refusal: Refusal, status: 400 | 401 | 503): void => {
    record.refusal ??= refusal
    request.reject(status)
  }

  const full = inbound.connections.full(record)
  if (full) return refuse(full, 503)
  const destination = parseSocketAddress(request.authority)
  if (!destination) return refuse({ kind: 'bad_authority', authority: request.authority.slice(0, 200) }, 400)
  const foreign = foreignDestination(destination, inbound.own)
  if (foreign) return refuse(foreign, 400)
  const admission = admit(record, destination, request.peer, inbound)
  if (admission.kind === 'refused') {
    // Not ready yet is no verdict: the peer may ask another endpoint.
    return refuse(admission.refusal, admission.refusal.kind === 'not_ready' ? 503 : 401)
  }

  let application: Socket
  try {
    cancelWithStream(request, record)
    application = await dialApplication(admission.permit, destination, record.signal)
  } catch (error) {
    const refusal = record.refusal ?? refusalOf(error)
    // Cut by a change meanwhile is denied, and nothing to try again elsewhere.
    return refuse(refusal, isVerdict(refusal) ? 401 : 503)
  }
  request.accept()
  record.connected()
  record.outcome = await pump(request.leg, socketLeg(application), record)
}

/** One connection that came in plaintext, from outside the mesh as far as anybody can tell. */
export async function inboundPlaintext(
  socket: Socket,
  destination: OriginalDestination,
  source: SocketAddress,
  inbound: InboundPlaintext,
): Promise<void> {
  using record = inbound.connections.open('inbound', source)
  const client = socketLeg(socket)
  const refuse = (refusal: Refusal): void => {
    record.refusal ??= refusal
    client.abort(new RefusedError(refusal))
  }

  const full = inbound.connections.full(record)
  if (full) return refuse(full)
  const foreign = foreignDestination(destination, inbound.own)
  if (foreign) return refuse(foreign)
  // A sidecar that hears of its own namespace only has to ask before it takes a pod of another one for unmeshed.
  if (mayBeOfMesh(source, inbound.view)) await inbound.ask(source.ip, record.signal)
  const admission = admit(record, destination, undefined, inbound)
  if (admission.kind === 'refused') return refuse(admission.refusal)

  let application: Socket
  try {
    application = await dialApplication(admission.permit, destination, record.signal)
  } catch (error) {
    return refuse(refusalOf(error))
  }
  record.connected()
  record.outcome = await pump(client, socketLeg(application), record)
}

/** Whether it is this peer that was refused; anything else may be otherwise at another endpoint. */
function isVerdict({ kind }: Refusal): boolean {
  return kind === 'policy' || kind === 'peer_gone' || kind === 'peer_untrusted' || kind === 'peer_revoked'
}

/** Whether plaintext from there would be refused if somebody of the mesh had the address, which nobody has said. */
function mayBeOfMesh({ ip }: SocketAddress, view: View): boolean {
  const picture = view.current()
  const { settings } = picture
  return settings.rejectPlaintextFromMesh && insideMesh(settings, ip) && !picture.workloadAt(ip)
}

/** Nobody waits for the application any more once the peer has reset its stream: the dial ends with it. */
function cancelWithStream({ leg }: TunnelRequest, record: ConnectionRecord): void {
  const nothing = (): void => {}
  // What the peer says meanwhile stays in the stream, bounded by its window, until the application can be told.
  leg.pause()
  leg.read({
    data: nothing,
    ended: nothing,
    drained: nothing,
    closed: nothing,
    aborted(cause) {
      record.cut({ kind: 'upstream', failure: 'cancelled', message: cause.message })
    },
  })
}

/** A pod serves its own addresses only, and of those no port of the sidecar's: nobody is a relay. */
function foreignDestination({ ip, port }: SocketAddress, own: ReadonlySet<IpAddress>): Refusal | undefined {
  if (!own.has(ip)) return { kind: 'not_my_address', ip }
  return forbiddenAuthorityPorts.has(port) ? { kind: 'forbidden_port', port } : undefined
}

type Admission =
  | { readonly kind: 'admitted'; readonly permit: Permit }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** Judges the connection now, and puts it under that judgement for as long as it lives. */
function admit(
  record: ConnectionRecord,
  destination: SocketAddress,
  peer: Peer | undefined,
  { view }: Inbound,
): Admission {
  record.destination = destination
  record.destinationWorkload = view.current().own
  const missing = missingPart(view.current())
  if (missing !== undefined && view.current().policies.missing.length === 0) {
    return { kind: 'refused', refusal: { kind: 'not_ready', missing } }
  }
  const facts: ConnectionFacts = { peer: peer?.identity, sourceIp: record.source.ip, destination }
  let permit: Permit | undefined
  let missingSince: number | undefined

  const policyRefuses = (): Refusal | undefined => {
    const decision = judge(view.current(), facts)
    if (decision.kind === 'permit') {
      permit = decision
      missingSince = undefined
      record.allowedBy = decision.by
      record.tryOut(decision.wouldDeny)
      return undefined
    }
    // What is admitted already outlasts for a moment a policy that is named and on its way.
    if (permit && decision.reason.kind === 'policy_missing') {
      // By a clock that nobody can put back, which would make the moment last.
      missingSince ??= performance.now()
      if (performance.now() - missingSince < missingPolicyGrace) return undefined
    }
    return { kind: 'policy', reason: decision.reason }
  }
  const refusal = record.guard(() => peerRefused(record, peer, view) ?? policyRefuses())
  if (refusal) return { kind: 'refused', refusal }
  // The guard admits only on a permit.
  return { kind: 'admitted', permit: permit! }
}

/** Peers whose workload the view has had, by their tunnel: a further stream of one that is gone is refused too. */
const knownPeers = new WeakSet<Peer>()

/** Whether the peer has lost what it was admitted with: its root, or the workload that it is. */
function peerRefused(record: ConnectionRecord, peer: Peer | undefined, view: View): Refusal | undefined {
  const picture = view.current()
  const { ip, workload: known } = record.source
  const claimed = picture.workloadAt(ip)
  if (!peer) {
    // As of now: the view may have heard of it since the connection was opened.
    if (claimed) record.source = { ...record.source, workload: claimed }
    const fromMesh = claimed?.tunnel === 'hbone' && picture.settings.rejectPlaintextFromMesh
    return fromMesh ? { kind: 'plaintext_from_mesh', claimed: claimed.identity } : undefined
  }
  const { identity } = peer
  if (!stillTrusted(peer, picture.trust)) return { kind: 'peer_untrusted', identity }
  if (isRevoked(peer, picture.trust)) return { kind: 'peer_revoked', identity, serial: peer.serial }
  // A peer that the view has not heard of yet is no reason to refuse; one that it knew and knows no more is.
  if (known) knownPeers.add(peer)
  if (!claimed)
    return knownPeers.has(peer) && !isOutOfSight(peer, picture) ? { kind: 'peer_gone', identity } : undefined
  if (!sameIdentity(claimed.identity, identity)) return { kind: 'peer_gone', identity }
  knownPeers.add(peer)
  record.source = { ...record.source, workload: claimed }
  return undefined
}

/** Whether the view need not have the peer any longer, wherever it is: it sees its own namespace alone. */
function isOutOfSight({ identity }: Peer, { settings, own }: Picture): boolean {
  return settings.sidecarScope === 'namespace' && identity.namespace !== own?.identity.namespace
}

/** The application's own address and port. It takes a Permit, so that no path reaches it unjudged. */
function dialApplication(_permit: Permit, destination: SocketAddress, signal: AbortSignal): Promise<Socket> {
  return dial(destination as EndpointAddress, signal)
}
