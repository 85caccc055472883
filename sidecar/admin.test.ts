import { describe, expect, it } from 'vitest'
import { backendKey, service, workload } from '#mesh/testing/mesh.ts'
import type { HttpAnswer, HttpRequest } from '#runtime/http.ts'
import { createLog } from '#runtime/log.ts'
import { adminRoutes } from './admin.ts'
import type { Certificate } from './credentials/certificate.ts'
import type { Credentials } from './credentials/credentials.ts'
import type { Readiness } from './readiness.ts'
import { policy, recordedConnections, self, settledView } from './testing/pictures.ts'
import { fingerprintOf, TestPki } from './testing/pki.ts'

const pki = new TestPki()
const services = { [backendKey]: [{ servicePort: 80, targetPort: 8080 }] }

function administered(certificate: Certificate | 'none' = pki.certificate('self')) {
  const view = settledView({
    workloads: [
      { ...self, authorizationPolicies: ['shop/deny'] },
      workload('backend', ['10.77.0.2'], { services }),
    ],
    services: [service(['10.77.100.1'])],
    authorizations: [policy('deny', 'deny', {})],
    trust: pki.trust(),
  })
  const { connections } = recordedConnections(view)
  const renewed = pki.certificate('self')
  const credentials = {
    current: () => (certificate === 'none' ? undefined : certificate),
    renew: () => Promise.resolve(renewed),
  }
  const log = createLog({ component: 'test', write: () => {} })
  const routes: Record<string, (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>> = adminRoutes({
    view,
    connections,
    credentials: credentials as Pick<Credentials, 'current' | 'renew'> as Credentials,
    readiness: { missing: () => undefined } as Pick<Readiness, 'missing'> as Readiness,
    connected: () => true,
    log,
  })
  const ask = async (route: string, body = '') => {
    const { status = 200, body: answer } = await routes[route]!({
      path: '',
      query: new URLSearchParams(),
      headers: {},
      body,
      signal: new AbortController().signal,
    })
    return { status, answer: JSON.parse(JSON.stringify(answer)) as unknown, text: JSON.stringify(answer) }
  }
  return { ask, routes, connections, log, renewed }
}

describe('the admin endpoint', () => {
  it('shows what the sidecar knows', async () => {
    const { answer } = await administered().ask('GET /config')
    expect(answer).toMatchObject({
      ready: true,
      controlPlane: 'connected',
      own: { uid: self.uid, identity: 'spiffe://cluster.local/ns/shop/sa/self', policies: ['shop/deny'] },
      settings: { networks: ['10.77.0.0/16', 'fd77::/64'], egress: 'passthrough' },
      trust: { trustDomain: 'cluster.local', roots: [pki.root.certificate.fingerprint256] },
      policies: [{ name: 'shop/deny', action: 'deny', rules: 1 }],
      services: [
        { name: backendKey, addresses: ['10.77.100.1'], endpoints: ['Kubernetes//Pod/shop/backend'] },
      ],
    })
  })

  it('shows who is connected', async () => {
    const { ask, connections } = administered()
    connections.open('inbound', { ip: self.addresses[0]!, port: 1 })
    expect((await ask('GET /connections')).answer).toMatchObject([
      { direction: 'inbound', source: '127.0.0.1:1' },
    ])
  })

  it('shows the certificate, and that there is none', async () => {
    const certificate = pki.certificate('self')
    expect((await administered(certificate).ask('GET /certificate')).answer).toMatchObject({
      identity: 'spiffe://cluster.local/ns/shop/sa/self',
      serial: certificate.serial,
      secondsLeft: expect.any(Number),
      chain: certificate.chain,
    })
    expect((await administered('none').ask('GET /certificate')).answer).toEqual({ identity: null })
  })

  it('renews the certificate when it is told to', async () => {
    const { ask, renewed } = administered()
    expect((await ask('POST /certificate/renew')).answer).toMatchObject({ serial: renewed.serial })
  })

  it('sets the log’s level, and names those there are', async () => {
    const { ask, log } = administered()
    expect((await ask('PUT /log-level', ' debug\n')).answer).toEqual({ level: 'debug' })
    expect([log.level, (await ask('GET /log-level')).answer]).toEqual(['debug', { level: 'debug' }])
    const refused = await ask('PUT /log-level', 'loud')
    expect([refused.status, refused.text, log.level]).toEqual([
      400,
      expect.stringContaining('debug, info'),
      'debug',
    ])
  })

  it('never shows a private key, whatever it is asked', async () => {
    const certificate = pki.certificate('self')
    const { ask, routes, connections, renewed } = administered(certificate)
    connections.open('outbound', { ip: self.addresses[0]! })
    const secrets = [certificate, renewed].flatMap(({ key }) => [
      ...key.split('\n').filter((line) => line.length > 20 && !line.startsWith('-')),
      fingerprintOf(key),
    ])
    expect(secrets.length).toBeGreaterThan(4)
    for (const route of Object.keys(routes)) {
      const { text } = await ask(route, 'info')
      expect(text).not.toContain('PRIVATE KEY')
      for (const secret of secrets) expect(text).not.toContain(secret)
    }
  })
})
