import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatSocketAddress, type IpAddress } from '#mesh/address.ts'
import { ports, sidecarUid } from '#mesh/ports.ts'
import { makeCertificates, nameOf, type PairCertificates } from '../certificates.ts'
import { commandVersion } from '../command-version.ts'
import { openFiles } from '../open-files.ts'
import { type Availability, applicationPorts, type Pair, type Peer, type Side, type Site } from '../peer.ts'
import { accepts, ProxyPair } from '../proxy-pair.ts'

/** Debian's place. */
const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so'

/**
 * nginx as a stream proxy on either side. It cannot ask for an original destination, so it listens on loopback for each
 * application port and its client dials that.
 */
export const nginx: Peer = {
  name: 'nginx',
  async available(): Promise<Availability> {
    if (!existsSync(streamModule)) {
      return { kind: 'absent', reason: `no ${streamModule} here: apt-get install libnginx-mod-stream` }
    }
    return commandVersion('nginx', ['-v'], /nginx\/\S+/, 'nginx')
  },
  async start({ mesh, directory, serverAddresses }: Site): Promise<Pair> {
    const outside = { meshed: false, registered: false }
    const client = await mesh.workload('nginx-client', outside)
    const server = await mesh.workload('nginx-server', { ...outside, addresses: serverAddresses() })
    const certificates = makeCertificates(mesh.controlPlane.stateDirectory, join(directory, 'nginx'))
    const homes = {
      client: configure(directory, 'client', clientSide(certificates, server.ip)),
      server: configure(directory, 'server', serverSide(certificates)),
    }
    const proxies = await ProxyPair.start({
      workloads: { client, server },
      uid: sidecarUid,
      command: (side) => ['nginx', '-p', homes[side], '-e', 'stderr', '-c', 'nginx.conf'],
      isReady: accepts(readiness),
      evidence: async () => verifiedConnection(homes.server),
    })
    const target = (port: number) => formatSocketAddress({ ip: '127.0.0.1' as IpAddress, port })
    return { client, server, proxies, target }
  },
}

const readiness = `127.0.0.1:${ports.readiness}`
const forwarded = Object.values(applicationPorts)

/** Where the server's side takes connections for an application's port. */
function tlsPort(port: number): number {
  return port + 10_000
}

function clientSide({ root, chain, key }: PairCertificates, ip: IpAddress): string {
  return stream(`
  proxy_ssl on;
  proxy_ssl_certificate ${chain.client};
  proxy_ssl_certificate_key ${key.client};
  proxy_ssl_trusted_certificate ${root};
  proxy_ssl_verify on;
  proxy_ssl_verify_depth 2;
  proxy_ssl_name ${nameOf('server')};
  proxy_ssl_server_name on;
  proxy_ssl_protocols TLSv1.3;
  ${forwarded.map((port) => `server { listen 127.0.0.1:${port} backlog=16384; proxy_pass ${ip}:${tlsPort(port)}; }`).join('\n  ')}`)
}

function serverSide({ root, chain, key }: PairCertificates): string {
  return stream(`
  ssl_certificate ${chain.server};
  ssl_certificate_key ${key.server};
  ssl_client_certificate ${root};
  ssl_verify_client on;
  ssl_verify_depth 2;
  ssl_protocols TLSv1.3;
  log_format proof 'client certificate: $ssl_client_verify, $ssl_protocol, $ssl_cipher';
  # The first connections are evidence enough; writing down each would be a cost that the others do not have.
  map $connection $early { ~^[0-9][0-9]?$ 1; default 0; }
  access_log proof.log proof if=$early;
  ${forwarded.map((port) => `server { listen ${tlsPort(port)} ssl backlog=16384; proxy_pass 127.0.0.1:${port}; }`).join('\n  ')}`)
}

function stream(content: string): string {
  return `load_module ${streamModule};
daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections ${openFiles() - 100}; }
stream {
  proxy_timeout 1h;
  server { listen ${readiness}; return ready; }${content}
}
`
}

function configure(directory: string, side: Side, configuration: string): string {
  const home = join(directory, `nginx-${side}`)
  mkdirSync(home)
  chownSync(home, sidecarUid, sidecarUid)
  writeFileSync(join(home, 'nginx.conf'), configuration)
  return home
}

function verifiedConnection(home: string): string {
  const lines = readFileSync(join(home, 'proof.log'), 'utf8').split('\n')
  const line = lines.find((text) => text.startsWith('client certificate: SUCCESS'))
  if (line === undefined) throw new Error('nginx verified no client certificate')
  return line
}
