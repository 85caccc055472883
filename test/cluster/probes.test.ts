import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../harness/until.ts'
import { peerAuthentication, pod, template } from './harness/manifests.ts'
import { Namespace } from './harness/namespace.ts'

let namespace: Namespace

beforeAll(async () => {
  namespace = await Namespace.create('probes')
  await namespace.apply(peerAuthentication('default', { mode: 'Strict' }))
})
afterAll(() => namespace[Symbol.asyncDispose]())

const httpPort = [{ name: 'web', containerPort: 8080 }]

describe('row 44: probes under strict', () => {
  const good: readonly (readonly [string, object])[] = [
    ['httpGet', { readinessProbe: { httpGet: { path: '/ready?x=1', port: 8080 } } }],
    [
      'httpGet with a named port',
      { ports: httpPort, livenessProbe: { httpGet: { path: '/', port: 'web' } } },
    ],
    [
      'httpGet with a header',
      {
        readinessProbe: {
          httpGet: { path: '/', port: 8080, httpHeaders: [{ name: 'X-Probe', value: 'yes' }] },
        },
      },
    ],
    [
      'tcpSocket',
      { readinessProbe: { tcpSocket: { port: 8080 } }, startupProbe: { tcpSocket: { port: 8080 } } },
    ],
    ['exec', { readinessProbe: { exec: { command: ['node', '--version'] }, timeoutSeconds: 5 } }],
  ]

  test.each(good)('%s', async (kind, container) => {
    const name = kind.toLowerCase().replaceAll(' ', '-')
    const probed = await namespace.pod(pod(name, { container: withRetries(container) }))
    expect(await probed.restarts()).toBe(0)
  })

  test('postStart', async () => {
    // The kubelet calls a hook once and at once; what it calls has to listen by then.
    const wait = { exec: { command: ['node', '--eval', 'setTimeout(() => {}, 3_000)'] } }
    const { spec } = template('hooked', { container: { lifecycle: { postStart: wait } } })
    const [app] = spec.containers
    const httpGet = { path: '/started', port: 8080 }
    const late = {
      ...app,
      name: 'late',
      command: ['node', '/apps/failing-server.ts', '8081'],
      lifecycle: { postStart: { httpGet } },
    }
    const hooked = await namespace.pod(pod('hooked', { spec: { containers: [app, late] } }))
    expect(await hooked.restarts()).toBe(0)
  })

  test('grpc', async () => {
    const container = { readinessProbe: { grpc: { port: 9000, service: 'shop' }, periodSeconds: 1 } }
    await namespace.pod(pod('grpc', { run: ['grpc-health.ts', '9000'], container }))
  })

  const bad: readonly (readonly [string, object])[] = [
    ['httpGet that is answered with an error', { httpGet: { path: '/fail', port: 8080 } }],
    ['tcpSocket of a port where nobody listens', { tcpSocket: { port: 9999 } }],
    ['grpc of a service that is not served', { grpc: { port: 8080 } }],
  ]

  test.each(bad)('fails: %s', async (kind, probe) => {
    const name = kind
      .toLowerCase()
      .replaceAll(/[^a-z]+/g, '-')
      .slice(0, 40)
    const container = { readinessProbe: { ...probe, periodSeconds: 1, failureThreshold: 1 } }
    await namespace.apply(pod(name, { run: ['failing-server.ts'], container }))
    await namespace.running(name)
    await until(`a failed probe of ${name}`, async () => {
      const events = await namespace.kubectl(['events', '--for', `pod/${name}`, '--types=Warning'])
      return events.split('\n').filter((line) => line.includes('Readiness probe failed')).length > 0
    })
    const { status } = await namespace.read<{ status: { containerStatuses: { ready: boolean }[] } }>(
      'pod',
      name,
    )
    expect(status.containerStatuses.map(({ ready }) => ready)).toEqual([false])
  })
})

/** The first looks come before an application listens; only a pod that never answers is to fail here. */
function withRetries(container: object): object {
  const retried = { periodSeconds: 1, failureThreshold: 30 }
  return Object.fromEntries(
    Object.entries(container).map(([key, value]) => [
      key,
      key.endsWith('Probe') ? { ...value, ...retried } : value,
    ]),
  )
}
