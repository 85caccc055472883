import { readFileSync } from 'node:fs'
import { formatSocketAddress } from '#mesh/address.ts'
import { ports } from '#mesh/ports.ts'
import { httpFrom } from '#test/harness/http.ts'
import type { Mesh } from '#test/harness/mesh.ts'
import type { Workload } from '#test/harness/workload.ts'
import type { Pair, Peer, Proxies, Side, Site } from '../peer.ts'
import { readyAfter } from '../ready-after.ts'

/** How many workloads the mesh knows, the pair's two among them; the others are entries of the registry alone. */
const knownWorkloads = 100

/** Two pods as the end-to-end tests make them: real redirection, sidecars as uid 1337, the control plane serving both. */
export const weft: Peer = {
  name: 'weft',
  async available() {
    return { kind: 'available', version: `weft ${packageVersion()}, Node ${process.versions.node}` }
  },
  async start({ mesh, serverAddresses }: Site): Promise<Pair> {
    registerOthers(mesh)
    const server = await mesh.workload('weft-server', { addresses: serverAddresses() })
    const client = await mesh.workload('weft-client')
    return {
      client,
      server,
      proxies: sidecars(mesh, { client, server }),
      target: (port, ip = server.ip) => formatSocketAddress({ ip, port }),
    }
  },
}

function sidecars(mesh: Mesh, workloads: Readonly<Record<Side, Workload>>): Proxies {
  return {
    pid: (side) => workloads[side].sidecar.process.pid,
    async restart(side) {
      const workload = workloads[side]
      await workload.sidecar.stop()
      const url = `http://${formatSocketAddress({ ip: workload.ip, port: ports.readiness })}/ready`
      const probe = async () => (await httpFrom(mesh.network.node, url, { timeout: 1_000 })).status === 200
      const [milliseconds] = await Promise.all([readyAfter(probe), mesh.startSidecar(workload)])
      return milliseconds
    },
    async evidence() {
      const name = 'istio_tcp_connections_opened_total'
      const labels = { reporter: 'source', connection_security_policy: 'mutual_tls' }
      const [encrypted, all] = await Promise.all([
        workloads.client.sidecar.metric(name, labels),
        workloads.client.sidecar.metric(name),
      ])
      if (encrypted === 0 || encrypted !== all) {
        throw new Error(`weft's metrics count ${encrypted} of ${all} connections as mutual_tls`)
      }
      return `${name}{connection_security_policy="mutual_tls"} ${encrypted} of ${all}`
    },
  }
}

function registerOthers(mesh: Mesh): void {
  for (let n = 3; n <= knownWorkloads; n++) {
    const name = `other-${n}`
    mesh.registry.setWorkload({
      name,
      namespace: 'bench',
      serviceAccount: name,
      addresses: [`10.77.150.${n}`],
      labels: { app: name },
      meshed: true,
      ready: true,
    })
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
