import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatSocketAddress } from '#mesh/address.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import type { Workload } from '#test/harness/workload.ts'
import { makeCertificates, nameOf, type PairCertificates } from '../certificates.ts'
import { commandVersion } from '../command-version.ts'
import { connectionsThatFit } from '../open-files.ts'
import type { Availability, Pair, Peer, Side, Site } from '../peer.ts'
import { accepts, ProxyPair } from '../proxy-pair.ts'

/**
 * HAProxy as a sidecar: weft's own redirection rules lead to it, it dials the original destination, and every connection
 * has a mutual TLS handshake, resumed where its session cache can.
 */
export const haproxy: Peer = {
  name: 'haproxy',
  async available(): Promise<Availability> {
    return commandVersion('haproxy', ['-v'], /HAProxy version \S+/, 'haproxy')
  },
  async start({ mesh, directory, serverAddresses }: Site): Promise<Pair> {
    const outside = { meshed: false, registered: false }
    const client = await mesh.workload('haproxy-client', outside)
    const server = await mesh.workload('haproxy-server', { ...outside, addresses: serverAddresses() })
    const home = join(directory, 'haproxy')
    const certificates = makeCertificates(mesh.controlPlane.stateDirectory, home)
    for (const workload of [client, server]) await workload.redirect()
    const configuration = (side: Side) => {
      const path = join(home, `${side}.cfg`)
      writeFileSync(path, side === 'client' ? clientSide(certificates) : serverSide(certificates))
      return path
    }
    const workloads = { client, server }
    const proxies = await ProxyPair.start({
      workloads,
      uid: sidecarUid,
      command: (side) => ['haproxy', '-db', '-f', configuration(side)],
      isReady: accepts(readiness),
      evidence: () => connectionsByTls(server),
    })
    return {
      client,
      server,
      proxies,
      target: (port, ip = server.ip) => formatSocketAddress({ ip, port }),
    }
  },
}

const readiness = `127.0.0.1:${ports.readiness}`
const statistics = `127.0.0.1:${ports.metrics}`

function clientSide({ root, chain }: PairCertificates): string {
  const tls = `ssl crt ${chain.client} ca-file ${root} verify required`
  return `${common()}
listen outbound
  bind 127.0.0.1:${ports.outbound}
  server original 0.0.0.0 ${tls} sni str(${nameOf('server')}) verifyhost ${nameOf('server')}
`
}

function serverSide({ root, chain }: PairCertificates): string {
  return `${common()}
listen inbound
  bind 0.0.0.0:${ports.inbound} ssl crt ${chain.server} ca-file ${root} verify required
  server original 0.0.0.0
`
}

// A function, since the limit of open files is raised after this file was loaded.
const common = () => `global
  nbthread 1
  maxconn ${connectionsThatFit(25_000)}
  stats socket ipv4@${statistics} level user
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3

defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h

listen ready
  bind ${readiness}
  tcp-request connection reject
`

async function connectionsByTls(server: Workload): Promise<string> {
  const socket = await server.connect(statistics)
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
  socket.end('show info\n')
  await once(socket, 'end')
  const line = answer.split('\n').find((text) => text.startsWith('CumSslConns:'))
  if (line === undefined || Number(line.split(':')[1]) === 0)
    throw new Error(`HAProxy counts no TLS: ${line}`)
  return `${line.trim()} (accepted by the server's side, which demands a certificate)`
}
