import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FakeApiServer extends AsyncDisposable {
  /** A kubeconfig whose context `fake` leads here. */
  readonly kubeconfig: string
  /** Method and path, with the query, of what was asked. */
  readonly asked: readonly string[]
  /** The JSON of every body that was sent, in order. */
  readonly bodies: readonly unknown[]
}

/** Answers by `GET /path`, without the query; a number is a status of its own, what is not there is 404. */
export async function fakeApiServer(answers: Readonly<Record<string, unknown>>): Promise<FakeApiServer> {
  const asked: string[] = []
  const bodies: unknown[] = []
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    asked.push(`${request.method} ${request.url}`)
    const answer = answers[`${request.method} ${request.url}`] ?? answers[`${request.method} ${path}`] ?? 404
    const status = typeof answer === 'number' ? answer : 200
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.once('end', () => {
      if (body !== '') bodies.push(JSON.parse(body))
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(typeof answer === 'number' ? { message: `said ${answer}` } : answer))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const folder = mkdtempSync(join(tmpdir(), 'weft-fake-api-'))
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(kubeconfig, JSON.stringify(configFor(`http://127.0.0.1:${port}`)))
  return {
    kubeconfig,
    asked,
    bodies,
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true })
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function configFor(server: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fake',
    contexts: [
      { name: 'fake', context: { cluster: 'fake', user: 'fake' } },
      { name: 'gone', context: { cluster: 'gone', user: 'fake' } },
    ],
    clusters: [
      { name: 'fake', cluster: { server, 'insecure-skip-tls-verify': true } },
      { name: 'gone', cluster: { server: 'http://127.0.0.1:1', 'insecure-skip-tls-verify': true } },
    ],
    users: [{ name: 'fake', user: { token: 'token' } }],
  }
}
