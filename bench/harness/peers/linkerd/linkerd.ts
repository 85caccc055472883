import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatSocketAddress } from '#mesh/address.ts'
import type { Workload } from '#test/harness/workload.ts'
import { makeCertificates, nameOf } from '../../certificates.ts'
import { applicationPorts, type Pair, type Peer, type Side, type Site, sides } from '../../peer.ts'
import { answers, ProxyPair } from '../../proxy-pair.ts'
import { adminAddress, adminPort, proxyEnvironment, proxyUid } from './environment.ts'
import { encryptedConnections } from './evidence.ts'
import { givenBinary } from './given-binary.ts'
import { writeIdentity } from './identity-directory.ts'
import { redirection } from './redirection.ts'
import type { StandInConfiguration } from './stand-in/configuration.ts'

export type LinkerdMode = 'opaque' | 'http2'

/**
 * A pair of linkerd2-proxy with real redirection, each with a stand-in of ours for its control plane. In mode `opaque`
 * every connection is passed on as it is; in mode `http2` requests to the HTTP port travel together in HTTP/2, which is
 * what Linkerd does with HTTP unless told otherwise, and the other ports stay opaque.
 */
export function linkerd(mode: LinkerdMode, path: string | undefined): Peer {
  return {
    name: `linkerd-${mode}`,
    async available() {
      return givenBinary({
        peer: 'linkerd',
        program: 'linkerd2-proxy',
        path,
        // It has no option for it, but says it before it finds that it has no settings, and ends.
        env: { LINKERD2_PROXY_LOG: 'linkerd2_proxy=info' },
        version: (said) => /linkerd2_proxy: \w+ (\S+) \(/.exec(said)?.[1],
      })
    },
    async start(site) {
      if (path === undefined) throw new Error('no linkerd2-proxy was given')
      return await startPair(site, mode, await site.executable(path))
    },
  }
}

async function startPair(site: Site, mode: LinkerdMode, executable: string): Promise<Pair> {
  const { mesh } = site
  const outside = { meshed: false, registered: false }
  const client = await mesh.workload(`linkerd-${mode}-client`, outside)
  const server = await mesh.workload(`linkerd-${mode}-server`, {
    ...outside,
    addresses: site.serverAddresses(),
  })
  const workloads = { client, server }
  const home = join(site.directory, `linkerd-${mode}`)
  const certificates = makeCertificates(mesh.controlPlane.stateDirectory, home)
  const rules = join(home, 'rules')
  writeFileSync(rules, redirection, { mode: 0o644 })
  for (const side of sides) {
    await workloads[side].run(['iptables-restore', rules], { uid: 0 })
    await startStandIn(workloads[side], {
      chain: certificates.chain[side],
      servers: server.addresses,
      serverName: nameOf('server'),
      clientIdentity: 'spiffe://cluster.local/ns/bench/sa/client',
      httpPorts: mode === 'http2' ? [adminPort, applicationPorts.http] : [adminPort],
    })
  }
  const environment = (side: Side) =>
    proxyEnvironment({
      side,
      addresses: workloads[side].addresses,
      name: nameOf(side),
      identityDirectory: writeIdentity(certificates.key[side], join(home, side)),
      trustAnchors: readFileSync(certificates.root, 'utf8'),
    })
  const environments = { client: environment('client'), server: environment('server') }
  const proxies = await ProxyPair.start({
    workloads,
    uid: proxyUid,
    command: () => [executable],
    env: (side) => environments[side],
    isReady: answers(`http://${adminAddress}/ready`),
    evidence: async () => {
      const { body } = await client.http(`http://${adminAddress}/metrics`)
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

async function startStandIn(workload: Workload, configuration: StandInConfiguration): Promise<void> {
  const program = '/checkout/bench/harness/peers/linkerd/stand-in/main.ts'
  const standIn = await workload.start(['node', program, JSON.stringify(configuration)])
  await standIn.line(/^listening/)
}
