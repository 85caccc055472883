import { parseIp, parseSocketAddress } from '#mesh/address.ts'
import { type HttpServer, serveHttp } from '#runtime/http.ts'
import { silentLog } from '#runtime/log.ts'
import { adminRoutes } from '#sidecar/admin.ts'
import { Connections } from '#sidecar/connections/connections.ts'
import type { Certificate } from '#sidecar/credentials/certificate.ts'
import type { Credentials } from '#sidecar/credentials/credentials.ts'
import type { Readiness } from '#sidecar/readiness.ts'
import { View } from '#sidecar/view/view.ts'
import { shopText, snapshotOf } from '../../testing/shop.ts'

export interface TestAdmin extends AsyncDisposable {
  readonly url: string
}

/**
 * A sidecar's own admin endpoint over the sample mesh, as backend-1 sees it, with one connection open. It knows every
 * policy, or those that are named.
 */
export async function startAdmin({ policies }: { policies?: readonly string[] } = {}): Promise<TestAdmin> {
  const { workloads, services, authorizations, settings } = snapshotOf(shopText)
  const view = new View({ ownUid: 'Kubernetes//Pod/shop/backend-1' })
  view.apply({
    settings,
    workloads: [...workloads.values()],
    services: [...services.values()],
    authorizations: [...authorizations.values()].filter(({ key }) => policies?.includes(key) ?? true),
  })
  const connections = new Connections({ view, connected: () => {}, report: () => {} })
  openConnection(connections, view)
  const log = Object.create(silentLog, { level: { value: 'info', writable: true } }) as typeof silentLog
  const server = await serveHttp({
    host: '127.0.0.1',
    port: 0,
    log,
    routes: adminRoutes({
      view,
      connections,
      credentials: credentialsOf(view),
      readiness: { missing: () => 'the trust bundle' } as Readiness,
      connected: () => false,
      log,
    }),
  })
  return disposable(server)
}

/** Anything else that speaks HTTP. */
export async function startStranger(): Promise<TestAdmin> {
  const routes = { 'GET /config': () => ({ body: '<html></html>' }) }
  return disposable(await serveHttp({ host: '127.0.0.1', port: 0, routes, log: silentLog }))
}

function openConnection(connections: Connections, view: View): void {
  const record = connections.open('inbound', { ip: parseIp('10.77.0.11')!, port: 40_000 })
  record.destination = parseSocketAddress('10.77.0.21:8080')!
  record.destinationWorkload = view.current().own
  record.peer = record.source.workload!.identity
  record.carried.sent = 2_048
  record.connected()
}

function credentialsOf(view: View): Credentials {
  const { identity } = view.current().own!
  let current = { identity, serial: '01', notBefore: Date.UTC(2026, 0), notAfter: Date.now() + 3_600_500 }
  return {
    current: () => current as Certificate,
    renew: () => {
      current = { ...current, serial: '02' }
      return Promise.resolve(current as Certificate)
    },
  } as Credentials
}

function disposable({ port, close }: HttpServer): TestAdmin {
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close }
}
