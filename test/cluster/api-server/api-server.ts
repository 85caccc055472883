import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApiAccess } from '#control-plane/watch/kubernetes/api/access.ts'
import { type ApiClient, createApiClient } from '#control-plane/watch/kubernetes/api/client.ts'
import { cacheDirectory } from '../build/programs.ts'

/** A real kube-apiserver over a real etcd, on loopback ports, with nothing else of a cluster. */
export interface ApiServer extends AsyncDisposable {
  readonly port: number
  /** May do everything. */
  readonly client: ApiClient
  /** The bearer token of whoever may do everything. */
  readonly token: string
  /** As somebody of that bearer token; through another port where something stands in between. */
  access(token: string, port?: number): ApiAccess
  /** A kubeconfig file of whoever has that bearer token. */
  kubeconfig(token: string): string
  /** Kills the API server, and resolves when a new one answers; etcd stays. */
  restart(): Promise<void>
}

const binary = newest(globSync(`${cacheDirectory()}/*/kubernetes`))

/** Whether this machine has what a real API server takes; `npm run test:cluster` builds it. */
export const hasApiServer =
  binary !== undefined && existsSync(binary) && spawnSync('etcd', ['--version']).status === 0

export interface ApiServerOptions {
  /** Gives pods a service account and its token, as in a cluster; the accounts must be there, `default` too. */
  readonly serviceAccounts?: boolean
}

/** Starts both, on ports of their own, in a folder that goes with them. */
export async function startApiServer({ serviceAccounts = false }: ApiServerOptions = {}): Promise<ApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'weft-api-server-'))
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()]
  const etcd = start('etcd', 'etcd', [
    `--data-dir=${folder}/etcd`,
    `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
    `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    '--unsafe-no-fsync',
  ])
  const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(join(folder, 'sa.key'), keys.privateKey.export({ type: 'pkcs1', format: 'pem' }))
  writeFileSync(join(folder, 'tokens.csv'), 'operator-token,operator,1,"system:masters"\n')
  const startServer = () =>
    start(binary!, 'kube-apiserver', [
      `--etcd-servers=http://127.0.0.1:${etcdPort}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${folder}/certificates`,
      `--token-auth-file=${folder}/tokens.csv`,
      '--authorization-mode=RBAC',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-signing-key-file=${folder}/sa.key`,
      `--service-account-key-file=${folder}/sa.key`,
      ...(serviceAccounts ? [] : ['--disable-admission-plugins=ServiceAccount']),
    ])
  let server = startServer()
  const access = (token: string, through = port): ApiAccess => ({
    server: new URL(`https://127.0.0.1:${through}`),
    options: () =>
      Promise.resolve({
        ca: readFileSync(`${folder}/certificates/apiserver.crt`),
        headers: { authorization: `Bearer ${token}` },
      }),
  })
  const client = createApiClient(access('operator-token'))
  await answering(client)
  const kubeconfig = (token: string) => {
    const file = join(folder, `kubeconfig-${randomUUID()}`)
    writeFileSync(file, kubeconfigOf({ port, token, ca: `${folder}/certificates/apiserver.crt` }))
    return file
  }
  return {
    port,
    client,
    kubeconfig,
    token: 'operator-token',
    access,
    async restart() {
      await end(server)
      server = startServer()
      await answering(client)
    },
    async [Symbol.asyncDispose]() {
      client.close()
      await end(server)
      await end(etcd)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function kubeconfigOf({ port, ca, token }: { port: number; ca: string; token: string }): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'test', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': ca } },
    ],
    users: [{ name: 'somebody', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'somebody' } }],
    'current-context': 'test',
  })
}

async function answering(client: ApiClient): Promise<void> {
  let last: unknown
  for (let i = 0; i < 600; i++) {
    try {
      // Not /readyz, whose answer is no JSON; a namespace that is there says that storage is.
      await client.request({ path: '/api/v1/namespaces/kube-system', timeout: 2_000 })
      return
    } catch (error) {
      last = error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  throw new Error('the API server does not answer', { cause: last })
}

function start(file: string, name: string, args: readonly string[]): ChildProcess {
  const log = process.env['WEFT_TEST_API_LOG'] ? 'inherit' : 'ignore'
  // One binary is every part of Kubernetes, by the name that it is called.
  return spawn(file, args, { argv0: name, stdio: ['ignore', log, log] })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

function newest(files: readonly string[]): string | undefined {
  return files.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1)
}
