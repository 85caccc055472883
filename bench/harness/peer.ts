import type { IpAddress } from '#mesh/address.ts'
import type { Mesh } from '#test/harness/mesh.ts'
import type { Workload } from '#test/harness/workload.ts'

export const peerNames = [
  'direct',
  'weft',
  'haproxy',
  'nginx',
  'linkerd-opaque',
  'linkerd-http2',
  'ztunnel',
] as const
export type PeerName = (typeof peerNames)[number]

/** The ports on which the server's applications listen, the same for every peer. They listen on all addresses. */
export const applicationPorts = { http: 8080, iperf: 5201, redis: 6379, hold: 7000 } as const

/** How many addresses the server has: the first takes the load, each other one is dialled once, as a new destination. */
export const serverAddresses = 16

export type Availability =
  | { readonly kind: 'available' /** E.g. `HAProxy 2.6.12`. */; readonly version: string }
  | {
      readonly kind: 'absent' /** Completes "left out: ..."; says what to install or to pass. */
      readonly reason: string
    }

/** Something that may stand between two applications: a pair of proxies, or nothing. */
export interface Peer {
  readonly name: PeerName
  available(): Promise<Availability>
  /** Makes two pods with a ready proxy in each; what it makes belongs to the site's mesh and goes with it. */
  start(site: Site): Promise<Pair>
}

/** Where a pair is made: one network that all peers share, of which only one is measured at a time. */
export interface Site {
  /** Makes pods (`meshed: false, registered: false` for all peers but weft), starts processes in them as any user. */
  readonly mesh: Mesh
  /** For files that several processes share; every user may read it, and it is gone after the run. */
  readonly directory: string
  /** Addresses for one server pod that nobody else has; `serverAddresses` of them. */
  serverAddresses(): readonly IpAddress[]
  /** Puts an executable where the pods' users may run it and answers its path there. */
  executable(path: string): Promise<string>
}

/** Two pods, made once and measured many times. */
export interface Pair {
  /** Load generators run here, as the application's user. */
  readonly client: Workload
  /** The harness starts the applications here, as the application's user; its addresses are the site's. */
  readonly server: Workload
  /** Nothing stands between the applications of a direct pair. */
  readonly proxies: Proxies | undefined
  /** What the client dials, `ip:port`, to reach an application port of the server at one of the server's addresses. */
  target(port: number, address?: IpAddress): string
}

export const sides = ['client', 'server'] as const
export type Side = (typeof sides)[number]

/** The two proxies of a pair. The harness itself captures what passes the network and looks for the payload's marker. */
export interface Proxies {
  /** Process that carries the data on that side now; its threads are counted, its children are not. */
  pid(side: Side): number
  /**
   * Ends one proxy and starts it again; resolves, once it is ready for the application's connections, with the
   * milliseconds since just before its process was started. Look for readiness every 5 ms or more often.
   */
  restart(side: Side): Promise<number>
  /**
   * What the peer itself says of connections that it encrypted and verified, e.g. a line of its metrics; called after at
   * least one connection. Rejects when it says that there was none.
   */
  evidence(): Promise<string>
}
