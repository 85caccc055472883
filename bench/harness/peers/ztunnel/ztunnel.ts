import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatSocketAddress } from '#mesh/address.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import type { WorkloadEntry } from '#test/harness/registry-file.ts'
import type { Pair, Peer, Side, Site } from '../../peer.ts'
import { answers, ProxyPair } from '../../proxy-pair.ts'
import { givenBinary } from '../linkerd/given-binary.ts'
import { proxyEnvironment } from './environment.ts'
import { encryptedConnections } from './evidence.ts'
import { workloadsFile } from './workloads.ts'

/**
 * A ztunnel in each pod, in its dedicated mode, behind weft's own redirection: both have the same ports. weft's control
 * plane certifies them, so that their certificates are those of weft's sidecars.
 */
export function ztunnel(path: string | undefined): Peer {
  return {
    name: 'ztunnel',
    async available() {
      return givenBinary({ peer: 'ztunnel', program: 'ztunnel', path, args: ['version'], version })
    },
    async start(site) {
      if (path === undefined) throw new Error('no ztunnel was given')
      return await startPair(site, await site.executable(path))
    },
  }
}

function version(said: string): string | undefined {
  const [, revision] = /Version:"([0-9a-f]{12}|[^"]+)/.exec(said) ?? []
  const [, provider] = /CryptoProvider:"([^"]+)"/.exec(said) ?? []
  return revision && `${revision} (${provider ?? 'unknown cryptography'})`
}

/** As many workloads are known as to weft; all but two are entries alone. */
const knownWorkloads = 100

async function startPair(site: Site, executable: string): Promise<Pair> {
  const { mesh } = site
  const outside = { meshed: false, registered: false }
  const client = await mesh.workload('ztunnel-client', outside)
  const server = await mesh.workload('ztunnel-server', { ...outside, addresses: site.serverAddresses() })
  const workloads = { client, server }
  const entries = { client: meshed(client.entry), server: meshed(server.entry) }
  for (const workload of [client, server]) await workload.redirect()
  const home = join(site.directory, 'ztunnel')
  mkdirSync(home, { mode: 0o755 })
  const file = join(home, 'workloads.yaml')
  writeFileSync(file, workloadsFile([entries.client, entries.server, ...others()]), { mode: 0o644 })
  const environment = async (side: Side) => {
    const { namespace, name, serviceAccount } = entries[side]
    // The control plane gives tokens only to pods that it knows.
    mesh.registry.setWorkload(entries[side])
    const token = await mesh.controlPlane.token(entries[side])
    const { trustBundle } = mesh.controlPlane
    return proxyEnvironment({ namespace, pod: name, serviceAccount, workloads: file, token, trustBundle })
  }
  const environments = { client: await environment('client'), server: await environment('server') }
  const proxies = await ProxyPair.start({
    workloads,
    uid: sidecarUid,
    command: () => [executable, 'proxy'],
    env: (side) => environments[side],
    isReady: answers(`http://127.0.0.1:${ports.readiness}/healthz/ready`),
    evidence: async () => {
      const { body } = await client.http(`http://127.0.0.1:${ports.metrics}/metrics`)
      return encryptedConnections(body)
    },
  })
  return {
    client,
    server,
    proxies,
    target: (port, ip = server.ip) => formatSocketAddress({ ip, port }),
  }
}

function meshed(entry: WorkloadEntry): WorkloadEntry {
  return { ...entry, meshed: true }
}

function others(): WorkloadEntry[] {
  return Array.from({ length: knownWorkloads - 2 }, (_, n) => ({
    name: `other-${n + 3}`,
    namespace: 'bench',
    serviceAccount: `other-${n + 3}`,
    addresses: [`10.77.150.${n + 3}`],
    labels: {},
    meshed: true,
    ready: true,
  }))
}
