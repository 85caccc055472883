import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Workload } from '#test/harness/workload.ts'
import { applicationPorts as ports } from './peer.ts'

export const answerBytes = 1024

/** Starts what the loads talk to, as the application's user, on every address of the server's pod. */
export async function startApplications(server: Workload, marker: string): Promise<void> {
  const { directory } = server
  writeFileSync(join(directory, 'nginx.conf'), nginxConfiguration(marker))
  const nginx = await server.start(['nginx', '-p', directory, '-e', 'stderr', '-c', 'nginx.conf'])
  const redis = ['--port', `${ports.redis}`, '--bind', '0.0.0.0', '--save', '', '--protected-mode', 'no']
  const processes = [
    nginx,
    await server.start(['iperf3', '--server', '--port', `${ports.iperf}`]),
    await server.start(['redis-server', ...redis]),
    await server.start(['node', '/checkout/bench/harness/apps/hold-server.ts', `${ports.hold}`]),
  ]
  const listening = [ports.http, ports.iperf, ports.redis, ports.hold]
  for (const [n, port] of listening.entries()) {
    await processes[n]!.alive(`an application on port ${port}`, async () => {
      const socket = await server.connect(`127.0.0.1:${port}`)
      socket.destroy()
      return true
    })
  }
}

function nginxConfiguration(marker: string): string {
  return `daemon off;
master_process off;
pid nginx.pid;
error_log stderr error;
events { worker_connections 30000; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
  server {
    listen ${ports.http} backlog=16384;
    default_type text/plain;
    location = /answer { return 200 "${'w'.repeat(answerBytes)}"; }
    location = /marker { return 200 "${marker}"; }
  }
}
`
}
