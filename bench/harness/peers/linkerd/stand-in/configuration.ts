import type { IpAddress } from '#mesh/address.ts'

/** What a stand-in control plane is told, as JSON in its only argument. */
export interface StandInConfiguration {
  /** Path of the leaf that its proxy gets, and the leaf's issuer, in PEM. */
  readonly chain: string
  /** The destinations that are meshed. */
  readonly servers: readonly IpAddress[]
  /** The DNS name in the certificate of all of them. */
  readonly serverName: string
  /** The identity, as the certificate has it first, of the one client that they admit. */
  readonly clientIdentity: string
  /** Ports whose bytes the proxies read as HTTP; those of all others they pass on as they are. */
  readonly httpPorts: readonly number[]
}

/** Where a proxy in the same pod finds all services; on loopback, as proxies ask loopback alone in plaintext. */
export const standInAddress = '127.0.0.1:8086'

/** Where a proxy takes redirected connections, and those of other proxies that say themselves where they lead. */
export const inboundPort = 4143
