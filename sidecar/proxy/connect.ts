import type { Socket } from 'node:net'
import { formatSocketAddress, type SocketAddress } from '#mesh/address.ts'
import type { Endpoint, Route } from '#mesh/route.ts'
import type { Connections } from '../connections/connections.ts'
import type { ConnectionRecord } from '../connections/record.ts'
import { type Refusal, RefusedError } from '../connections/refusal.ts'
import type { Peer } from '../tunnel/peer.ts'
import type { TunnelPool } from '../tunnel/pool.ts'
import type { Affinity } from './affinity.ts'
import { inOrderOfTrial } from './balance.ts'
import { ConnectError } from './connect-error.ts'
import { dial, dialLimit } from './dial.ts'
import type { Leg } from './leg.ts'
import { Prelude } from './prelude.ts'
import { socketLeg } from './socket-leg.ts'

/** How long the far end may take to answer, its own dial of the application included, in milliseconds. */
const answerLimit = dialLimit + 5_000

/** Tunnels that are tried to one endpoint when each is refused unread, as while certificates change. */
const tunnelAttempts = 4

export interface Connector {
  readonly tunnels: TunnelPool
  readonly connections: Connections
  readonly affinity: Affinity
  /** Whether a way to the destination is still what it was when the route was found; asked again on every change. */
  readonly stillHolds: (way: Way) => Refusal | undefined
  /** Dials an endpoint that is known not to be meshed, unless a meshed pod may have its address by now. */
  readonly dialUnmeshed: (endpoint: Endpoint, signal: AbortSignal) => Promise<Socket>
}

/** How a connection goes on: by an endpoint of the mesh, or straight on where there is none. */
export interface Way {
  readonly endpoint: Endpoint | undefined
  /** Who answered there; undefined before that, and where the connection goes on in plaintext. */
  readonly peer: Peer | undefined
}

export interface Upstream extends Way {
  readonly leg: Leg
  /** What the application said already, and nobody has been told yet. */
  readonly prelude: Prelude | undefined
}

/**
 * Reaches the route's destination: an endpoint by mutual TLS, or what is known not to be meshed as it is. Tries
 * another endpoint where nothing was delivered. Throws a ConnectError.
 */
export async function connect(
  route: Exclude<Route, { kind: 'refused' }>,
  client: Leg,
  record: ConnectionRecord,
  { tunnels, connections, affinity, stillHolds, dialUnmeshed }: Connector,
): Promise<Upstream> {
  const straightOn = { endpoint: undefined, peer: undefined, prelude: undefined }
  if (route.kind === 'passthrough') {
    connections.assign(record, route.address)
    return { leg: socketLeg(await dial(route.address, record.signal)), ...straightOn }
  }
  record.service = route.service
  let prelude: Prelude | undefined
  let failure: ConnectError | undefined
  const load = (address: SocketAddress): number => connections.load(address)
  const last = affinity.last(route.service, record.destination, route.endpoints)
  for (const endpoint of inOrderOfTrial(route.endpoints, load, Math.random, last)) {
    connections.assign(record, endpoint.address)
    affinity.keep(route.service, record.destination, endpoint)
    record.destinationWorkload = endpoint.workload
    // A connection that is being made is cut by a change as a live one is, and no attempt begins on a stale route.
    const changed = record.guard(() => stillHolds({ endpoint, peer: undefined }))
    if (changed) throw new RefusedError(changed)
    try {
      if (endpoint.transport !== 'hbone') {
        const leg = socketLeg(await dialUnmeshed(endpoint, record.signal))
        return { leg, endpoint, peer: undefined, prelude }
      }
      prelude ??= new Prelude(client, record.carried)
      return await throughTunnel(endpoint, prelude, record, tunnels)
    } catch (error) {
      if (!(error instanceof ConnectError) || !error.retryable) throw error
      failure = error
    }
  }
  throw failure ?? new ConnectError('failed', 'the route has no endpoint')
}

async function throughTunnel(
  endpoint: Endpoint,
  prelude: Prelude,
  record: ConnectionRecord,
  tunnels: TunnelPool,
): Promise<Upstream> {
  const target = { ip: endpoint.address.ip, identity: endpoint.workload!.identity }
  const where = formatSocketAddress(endpoint.address)
  let cause: Error | undefined
  for (let attempt = 0; attempt < tunnelAttempts; attempt++) {
    const tunnel = await unlessLost(prelude, record, tunnels.acquire(target))
    // It may have been retired since the pool handed it out.
    if (!tunnel.usable) continue
    const { leg, reply } = tunnel.open(endpoint.address)
    prelude.feed(leg)
    const answer = await unlessLost(prelude, record, inTime(reply, where)).catch((error: Error) => {
      leg.abort(error)
      throw error
    })
    if (answer.kind === 'connected') {
      record.peer = tunnel.peer.identity
      record.peerSerial = tunnel.peer.serial
      record.keyExchange = tunnel.keyExchange
      return { leg, endpoint, peer: tunnel.peer, prelude: undefined }
    }
    if (answer.kind === 'status') {
      const error = statusError(where, answer.status)
      leg.abort(error)
      throw error
    }
    cause = answer.cause
    if (answer.kind === 'lost') {
      throw new ConnectError('tunnel_lost', `${where}: the tunnel was lost before an answer`, { cause })
    }
  }
  throw new ConnectError('unavailable_at_peer', `${where}: the peer takes no connections`, {
    retryable: true,
    cause,
  })
}

function statusError(where: string, status: number): ConnectError {
  switch (status) {
    case 400:
      return new ConnectError('rejected_by_peer', `${where}: the peer says that it is not this address`)
    case 401:
      return new ConnectError(
        'denied_by_peer',
        `${where}: denied by policy; the peer's log names policy and rule`,
      )
    case 503:
      return new ConnectError('unavailable_at_peer', `${where}: the peer cannot reach its application`, {
        retryable: true,
      })
    default:
      return new ConnectError('rejected_by_peer', `${where}: the peer answered ${status}`)
  }
}

/** Waits for an answer, but not for ever: the peer may be gone without a word. */
async function inTime<T>(wanted: Promise<T>, where: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(
      new ConnectError('timeout', `${where}: the peer has not answered for ${answerLimit / 1_000} s`),
    )
  }, answerLimit)
  try {
    return await Promise.race([wanted, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for something, but not beyond the application's own end or the connection's. */
async function unlessLost<T>(prelude: Prelude, record: ConnectionRecord, wanted: Promise<T>): Promise<T> {
  const { promise: cut, reject } = Promise.withResolvers<never>()
  const onCut = (): void => reject(record.signal.reason as Error)
  record.signal.addEventListener('abort', onCut, { once: true })
  const gone = prelude.lost.catch((cause: unknown) => {
    throw new ConnectError('cancelled', 'the application went away before it was connected', { cause })
  })
  try {
    return await Promise.race([wanted, gone, cut])
  } finally {
    record.signal.removeEventListener('abort', onCut)
    wanted.catch(() => {})
  }
}
