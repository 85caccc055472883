import type { Socket } from 'node:net'
import { type IpAddress, type OriginalDestination, parseIp } from '#mesh/address.ts'
import { forbiddenAuthorityPorts } from '#mesh/ports.ts'
import { type Endpoint, type Route, resolveRoute } from '#mesh/route.ts'
import { insideMesh } from '#mesh/snapshot.ts'
import { sameIdentity } from '#mesh/spiffe-id.ts'
import type { Connections } from '../connections/connections.ts'
import type { ConnectionRecord } from '../connections/record.ts'
import { type Refusal, RefusedError, refusalOf } from '../connections/refusal.ts'
import { isRevoked, stillTrusted } from '../tunnel/peer.ts'
import type { TunnelPool } from '../tunnel/pool.ts'
import { missingForRoutes, type View } from '../view/view.ts'
import type { Affinity } from './affinity.ts'
import { connect, type Upstream, type Way } from './connect.ts'
import { dial } from './dial.ts'
import type { Knocks } from './knocks.ts'
import { pump } from './pump.ts'
import { socketLeg } from './socket-leg.ts'

export interface Outbound {
  readonly view: View
  readonly connections: Connections
  readonly tunnels: TunnelPool
  readonly affinity: Affinity
  /** This pod's own addresses. */
  readonly own: ReadonlySet<IpAddress>
  /** Asks the control plane who has an address that the view lacks. */
  readonly ask: (ip: IpAddress, signal: AbortSignal) => Promise<void>
  /** Whether the view is what the control plane holds right now. */
  readonly inStep: () => boolean
  readonly knocks: Pick<Knocks, 'dial'>
}

/** One connection of the application to somewhere, from accept to the last byte. */
export async function outbound(
  socket: Socket,
  destination: OriginalDestination,
  { view, connections, tunnels, affinity, own, ask, inStep, knocks }: Outbound,
): Promise<void> {
  const ip = parseIp(socket.localAddress ?? '') ?? ('127.0.0.1' as IpAddress)
  using record = connections.open('outbound', { ip: [...own][0] ?? ip, port: socket.remotePort })
  record.destination = destination
  const client = socketLeg(socket)
  const refuse = (refusal: Refusal): void => {
    record.refusal ??= refusal
    client.abort(new RefusedError(refusal))
  }

  const full = connections.full(record)
  if (full) return refuse(full)
  const missing = missingForRoutes(view.current())
  if (missing !== undefined) return refuse({ kind: 'not_ready', missing })
  const route = await findRoute(destination, record)
  if (route.kind === 'refused') return refuse({ kind: 'route', reason: route.reason })
  const itself = toItself(route)
  if (itself) return refuse(itself)

  let upstream: Upstream
  try {
    upstream = await connect(route, client, record, {
      tunnels,
      connections,
      affinity,
      stillHolds,
      dialUnmeshed,
    })
  } catch (error) {
    return refuse(refusalOf(error))
  }
  const changed = record.guard(() => stillHolds(upstream))
  if (changed) {
    upstream.leg.abort(new RefusedError(changed))
    return refuse(changed)
  }
  record.connected()
  // Nothing was said in plaintext before the guard had passed.
  upstream.prelude?.feed(upstream.leg)
  record.outcome = await pump(client, upstream.leg, record)

  /** Unknown is not unmeshed: an address of the mesh that the view lacks is asked for before it is refused. */
  async function findRoute(to: OriginalDestination, { signal }: ConnectionRecord): Promise<Route> {
    const route = resolveRoute(view.current(), to, own)
    if (route.kind !== 'refused' || route.reason.kind !== 'unknown_in_mesh') return route
    await ask(to.ip, signal)
    return resolveRoute(view.current(), to, own)
  }

  /** Unmeshed once is not unmeshed for ever: while nobody would say, the address may have passed to a meshed pod. */
  function dialUnmeshed({ transport, workload, address }: Endpoint, signal: AbortSignal): Promise<Socket> {
    // A node's own address is never a meshed pod's.
    const certain = transport === 'own' || workload?.hostNetwork || inStep()
    const inMesh = insideMesh(view.current().settings, address.ip)
    return certain || !inMesh ? dial(address, signal) : knocks.dial(address, signal)
  }

  /** Whether the other end is still who it was, and still reached the same way. */
  function stillHolds({ endpoint, peer }: Way): Refusal | undefined {
    const picture = view.current()
    if (!endpoint) {
      return resolveRoute(picture, destination, own).kind === 'passthrough'
        ? undefined
        : { kind: 'route_changed' }
    }
    if (endpoint.transport === 'own' || !endpoint.workload) return undefined
    const { uid, identity } = endpoint.workload
    const now = picture.workloads.get(uid)
    if (!now?.addresses.includes(endpoint.address.ip)) return { kind: 'peer_gone', identity }
    const sameTransport = (now.tunnel === 'hbone') === (endpoint.transport === 'hbone')
    if (!sameTransport) return { kind: 'route_changed' }
    if (!sameIdentity(now.identity, identity)) return { kind: 'peer_gone', identity }
    if (!peer) return undefined
    if (!stillTrusted(peer, picture.trust)) return { kind: 'peer_untrusted', identity }
    const { serial } = peer
    return isRevoked(peer, picture.trust) ? { kind: 'peer_revoked', identity, serial } : undefined
  }
}

/** What led to a port of this sidecar's own could come back to it without end. */
function toItself(route: Route): Refusal | undefined {
  if (route.kind !== 'endpoints') return undefined
  const itself = route.endpoints.find(
    ({ transport, address }) => transport === 'own' && forbiddenAuthorityPorts.has(address.port),
  )
  return itself && { kind: 'forbidden_port', port: itself.address.port }
}
