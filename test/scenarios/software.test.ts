import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Mesh, startMesh } from '#test/harness/mesh.ts'
import { lacks } from '#test/harness/requirements.ts'
import { until } from '#test/harness/until.ts'
import type { Workload } from '#test/harness/workload.ts'

const needs = ['curl', 'nc', 'nginx', 'openssl', 'redis-cli', 'redis-server', 'socat'] as const

// Clients and servers that nobody here wrote, each over mutual TLS and without a setting.
describe.skipIf(lacks('software of others', ...needs))('software of others', () => {
  let mesh: Mesh
  let client: Workload
  let server: Workload

  beforeAll(async () => {
    mesh = await startMesh()
    ;[client, server] = await Promise.all([mesh.workload('client'), mesh.workload('server')])
  })

  afterAll(async () => {
    await mesh?.[Symbol.asyncDispose]()
  })

  describe('curl and nginx', () => {
    const body = randomBytes(20_000_000)

    beforeAll(async () => {
      writeFileSync(join(server.directory, 'body'), body, { mode: 0o644 })
      writeFileSync(join(server.directory, 'nginx.conf'), nginxConfiguration)
      await server.start(['nginx', '-p', server.directory, '-c', 'nginx.conf', '-e', 'stderr'])
      await listens(8080, 8081)
    })

    test('a page', async () => {
      expect(await client.run(['curl', '-sS', `http://${server.ip}:8080/`])).toBe('nginx here')
      await overMutualTls(8080)
    })

    test('20 MB arrive whole', async () => {
      const fetched = join(client.directory, 'fetched')
      await client.run(['curl', '-sS', '-o', fetched, `http://${server.ip}:8080/body`])
      expect(checksum(readFileSync(fetched))).toBe(checksum(body))
    })

    test('20 MB are uploaded whole', async () => {
      const upload = join(client.directory, 'upload')
      writeFileSync(upload, body, { mode: 0o644 })
      await client.run(['curl', '-sS', '-T', upload, `http://${server.ip}:8080/uploads/body`])
      expect(checksum(readFileSync(join(server.directory, 'uploads', 'body')))).toBe(checksum(body))
    })

    test('HTTP/1.1 keep-alive uses one connection', async () => {
      const urls = ['one', 'two', 'three'].map((path) => `http://${server.ip}:8080/number/${path}`)
      const answers = await client.run(['curl', '-sS', ...urls])
      // nginx counts the requests of a connection.
      expect(answers).toBe('request 1\nrequest 2\nrequest 3')
    })

    test('HTTP/2 with prior knowledge', async () => {
      const show = ['-w', '\\nHTTP/%{http_version}', '--http2-prior-knowledge']
      const answer = await client.run(['curl', '-sS', ...show, `http://${server.ip}:8081/`])
      expect(answer).toBe('nginx here\nHTTP/2')
      await overMutualTls(8081)
    })
  })

  test('redis-cli and redis-server', async () => {
    const options = ['--port', '6379', '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', '']
    await server.start(['redis-server', ...options])
    await listens(6379)
    const redis = (...command: string[]) => client.run(['redis-cli', '-h', server.ip, ...command])
    expect(await redis('SET', 'greeting', 'hello')).toBe('OK')
    expect(await redis('GET', 'greeting')).toBe('hello')

    const subscriber = await client.start(['redis-cli', '-h', server.ip, 'SUBSCRIBE', 'news'])
    await subscriber.line(/^subscribe$/)
    expect(await redis('PUBLISH', 'news', 'it works')).toBe('1')
    await subscriber.line(/^it works$/)
    await subscriber.stop()
    await overMutualTls(6379)
  })

  test('openssl s_client and s_server, TLS in TLS', async () => {
    const names = ['-subj', '/CN=server', '-addext', `subjectAltName=IP:${server.ip}`]
    const out = ['-keyout', 'key.pem', '-out', 'certificate.pem', '-days', '1', '-noenc']
    await server.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', ...names, ...out])
    const own = ['-key', 'key.pem', '-cert', 'certificate.pem']
    await server.start(['openssl', 's_server', '-accept', '7443', ...own, '-rev', '-quiet'])
    await listens(7443)
    const trust = ['-CAfile', join(server.directory, 'certificate.pem'), '-verify_ip', server.ip]
    const target = ['-connect', `${server.ip}:7443`, '-verify_return_error']
    const s_client = await client.start(['openssl', 's_client', ...target, ...trust, '-quiet'])
    s_client.input.write('backwards\n')
    await s_client.line(/^sdrawkcab$/)
    await s_client.stop()
    await overMutualTls(7443)
  })

  test('socat and socat', async () => {
    await server.start(['socat', 'TCP-LISTEN:7000,fork,reuseaddr', 'EXEC:sort'])
    await listens(7000)
    // sort answers only once its input has ended, and socat waits for it: half-close through the mesh.
    const script = `printf 'b\\nc\\na\\n' | socat -t 10 STDIO TCP:${server.ip}:7000`
    expect(await client.run(['sh', '-c', script])).toBe('a\nb\nc')
    await overMutualTls(7000)
  })

  test('nc and a server that greets as mail servers do', async () => {
    await server.app('greeter', ['--port', '2525', '--name', 'mail'])
    const script = `printf 'EHLO client\\r\\nquit\\r\\n' | nc -N -w 10 ${server.ip} 2525`
    const heard = await client.run(['sh', '-c', script])
    expect(heard.split('\n')).toEqual(['220 mail at your service', '250 EHLO client', '221 goodbye'])
    await overMutualTls(2525)
  })

  /** Resolves once these ports are taken; looked at from within the pod, so that no connection is told of. */
  async function listens(...ports: number[]): Promise<void> {
    for (const port of ports) {
      await until(`somebody to listen on port ${port}`, async () => {
        const socket = await server.connect(`${server.ip}:${port}`)
        socket.resetAndDestroy()
        return true
      })
    }
  }

  /** Checks, on both sides, that every connection to a port proved who was there. */
  async function overMutualTls(port: number): Promise<void> {
    for (const [told, peer] of [
      [server, 'client'],
      [client, 'server'],
    ] as const) {
      const toPort = ({ destination }: { destination?: unknown }) => destination === `${server.ip}:${port}`
      await told.sidecar.access(`of port ${port}`, toPort)
      const records = told.sidecar.accessLog().filter(toPort)
      expect(new Set(records.map(({ security }) => security))).toEqual(new Set(['mutual_tls']))
      expect(new Set(records.map((record) => record['peer']))).toEqual(
        new Set([`spiffe://cluster.local/ns/shop/sa/${peer}`]),
      )
    }
  }
})

function checksum(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

const nginxConfiguration = `
daemon off;
pid nginx.pid;
worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path temporary;
  proxy_temp_path temporary;
  fastcgi_temp_path temporary;
  uwsgi_temp_path temporary;
  scgi_temp_path temporary;
  client_max_body_size 100m;
  server {
    listen 8080;
    listen 8081 http2;
    location = / { return 200 "nginx here"; }
    location = /body { root .; }
    location /number/ { return 200 "request $connection_requests\\n"; }
    location /uploads/ { root .; dav_methods PUT; create_full_put_path on; }
  }
}
`
