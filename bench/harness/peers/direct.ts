import { formatSocketAddress } from '#mesh/address.ts'
import type { Peer } from '../peer.ts'

/** Nothing between the applications: what every other peer is compared with. */
export const direct: Peer = {
  name: 'direct',
  async available() {
    return { kind: 'available', version: 'veth pair, no redirection' }
  },
  async start({ mesh, serverAddresses }) {
    const outside = { meshed: false, registered: false }
    const client = await mesh.workload('direct-client', outside)
    const server = await mesh.workload('direct-server', { ...outside, addresses: serverAddresses() })
    return {
      client,
      server,
      proxies: undefined,
      target: (port, ip = server.ip) => formatSocketAddress({ ip, port }),
    }
  },
}
