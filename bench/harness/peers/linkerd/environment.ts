import type { IpAddress } from '#mesh/address.ts'
import { plan } from '#test/harness/network.ts'
import { applicationPorts, type Side } from '../../peer.ts'
import { inboundPort, standInAddress } from './stand-in/configuration.ts'

/** The proxy's user, and where its listeners are, as Linkerd's own injector has them. */
export const proxyUid = 2102
export const outboundPort = 4140
export const adminPort = 4191
export const adminAddress = `127.0.0.1:${adminPort}`

export interface ProxyEnvironmentOptions {
  readonly side: Side
  readonly addresses: readonly IpAddress[]
  /** The DNS name in its certificate. */
  readonly name: string
  /** Directory with `key.p8`, `csr.der` and `token`. */
  readonly identityDirectory: string
  /** PEM. */
  readonly trustAnchors: string
}

/** What the injector would set, apart from one data thread and a control plane on loopback, in plaintext. */
export function proxyEnvironment(options: ProxyEnvironmentOptions): Record<string, string> {
  const { side, addresses, name, identityDirectory, trustAnchors } = options
  const workload = JSON.stringify({ ns: 'bench', pod: side })
  const settings = {
    LOG: 'warn',
    CORES: '1',
    CORES_MAX: '1',
    ADMIN_LISTEN_ADDR: adminAddress,
    CONTROL_LISTEN_ADDR: '127.0.0.1:4190',
    DESTINATION_SVC_ADDR: standInAddress,
    DESTINATION_CONTEXT: workload,
    DESTINATION_PROFILE_SUFFIXES: 'svc.cluster.local.',
    // What lies outside is never looked up, and so never encrypted.
    DESTINATION_PROFILE_NETWORKS: plan.ipv4,
    POLICY_SVC_ADDR: standInAddress,
    POLICY_WORKLOAD: workload,
    POLICY_CLUSTER_NETWORKS: plan.ipv4,
    IDENTITY_SVC_ADDR: standInAddress,
    IDENTITY_DIR: identityDirectory,
    IDENTITY_TOKEN_FILE: `${identityDirectory}/token`,
    IDENTITY_TRUST_ANCHORS: trustAnchors,
    IDENTITY_LOCAL_NAME: name,
    INBOUND_LISTEN_ADDR: `0.0.0.0:${inboundPort}`,
    INBOUND_DEFAULT_POLICY: 'deny',
    INBOUND_IPS: addresses.join(','),
    INBOUND_PORTS: side === 'server' ? Object.values(applicationPorts).join(',') : '',
    INBOUND_ACCEPT_KEEPALIVE: '10000ms',
    INBOUND_CONNECT_TIMEOUT: '100ms',
    OUTBOUND_LISTEN_ADDRS: `127.0.0.1:${outboundPort}`,
    OUTBOUND_CONNECT_KEEPALIVE: '10000ms',
    OUTBOUND_CONNECT_TIMEOUT: '1000ms',
  }
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [`LINKERD2_PROXY_${key}`, value]))
}
