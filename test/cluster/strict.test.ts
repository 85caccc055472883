import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../harness/until.ts'
import { secretOf, selfSigned } from './harness/certificate.ts'
import { apply, kubectl } from './harness/kubectl.ts'
import { peerAuthentication, pod, service } from './harness/manifests.ts'
import { securePod } from './harness/secure-pod.ts'
import { Shop } from './harness/shop.ts'

let shop: Shop

beforeAll(async () => {
  shop = await Shop.open('strict')
  await shop.namespace.apply(peerAuthentication('default', { mode: 'Strict' }))
  await shop.outsider.fetchUntil(`http://${shop.server.ip}:8080/`, ({ error }) => error !== undefined)
})
afterAll(() => shop[Symbol.asyncDispose]())

describe('strict', () => {
  test('rows 8 and 17: plaintext is reset, counted, and told with its reason', async () => {
    const { server, outsider } = shop
    const labels = { direction: 'inbound', reason: 'plaintext_denied' }
    const before = (await server.metric('weft_connections_refused_total', labels)) ?? 0
    expect((await outsider.fetch(`http://${server.ip}:8080/`)).error).toBe('ECONNRESET')
    expect(await server.metric('weft_connections_refused_total', labels)).toBe(before + 1)
    expect(await server.connection({ direction: 'inbound', reason: 'plaintext_denied' })).toMatchObject({
      outcome: 'refused',
      source: expect.stringContaining(outsider.ip),
    })
  })

  test('row 8: a NodePort into a strict pod is reset', async () => {
    const { outsider, namespace } = shop
    await namespace.apply(service('public', { type: 'NodePort', selector: { app: 'server' } }))
    const found = await namespace.read<{ spec: { ports: { nodePort: number }[] } }>('service', 'public')
    const node = (await namespace.read<{ status: { hostIP: string } }>('pod', 'server')).status.hostIP
    const url = `http://${node}:${found.spec.ports[0]!.nodePort}/`
    await outsider.fetchUntil(url, ({ error }) => error === 'ECONNRESET')
  })

  test('row 8: one port of a strict pod can be left open for outsiders', async () => {
    const { outsider, client, namespace } = shop
    const open = await namespace.pod(pod('ingress'))
    await namespace.apply(
      peerAuthentication('ingress', {
        mode: 'Strict',
        selector: { matchLabels: { app: 'ingress' } },
        ports: { 8080: 'Permissive' },
      }),
    )
    await outsider.fetchUntil(`http://${open.ip}:8080/`, ({ status }) => status === 200)
    expect((await client.fetch(`http://${open.ip}:8080/`)).status).toBe(200)
  })

  test('row 17: members are served all the while', async () => {
    expect((await shop.client.fetch('http://server/')).status).toBe(200)
  })

  test('row 18: exec, logs and port-forward are not the mesh’s business', async () => {
    const { server, namespace } = shop
    expect(await server.exec('node', '--print', '6 * 7')).toBe('42\n')
    expect(await namespace.kubectl(['logs', 'server', '-c', 'app'])).toContain('listening')
    expect((await server.forwarded(8080, (url) => fetch(url))).status).toBe(200)
  })

  test('row 18: the API server asks a webhook in a strict pod, on a port that is open to it, by TLS of its own', async () => {
    const { namespace } = shop
    const own = selfSigned(`guard.${namespace.name}.svc`)
    await namespace.apply(
      secretOf('guard', own),
      service('guard', { ports: [{ port: 443, targetPort: 8443 }] }),
      peerAuthentication('guard', {
        mode: 'Strict',
        selector: { matchLabels: { app: 'guard' } },
        ports: { 8443: 'Permissive' },
      }),
    )
    const guard = await namespace.pod(securePod('guard', 'guard'))
    await using webhook = new AsyncDisposableStack()
    webhook.defer(
      async () => void (await kubectl(['delete', 'validatingwebhookconfiguration', namespace.name])),
    )
    await apply([guardedBy(namespace.name, own.certificate)])
    const guarded = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'guarded', labels: { guarded: 'yes' } },
    }
    await until(
      'the webhook to be asked',
      async () => {
        const refusal = await namespace.apply(guarded).then(
          () => 'it was admitted',
          (error: Error) => error.message,
        )
        return refusal.includes('the webhook in the mesh was asked')
      },
      { timeout: 30_000, interval: 500 },
    )
    expect(await guard.connection({ direction: 'inbound', destination: `${guard.ip}:8443` })).toMatchObject({
      security: 'none',
      outcome: 'closed',
    })
  })
})

/** Asks the Service `guard` of a namespace about every ConfigMap there that says so. */
function guardedBy(namespace: string, root: string): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: namespace },
    webhooks: [
      {
        name: 'guard.weft.test',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        timeoutSeconds: 5,
        clientConfig: {
          service: { name: 'guard', namespace, port: 443 },
          caBundle: Buffer.from(root).toString('base64'),
        },
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        objectSelector: { matchLabels: { guarded: 'yes' } },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] }],
      },
    ],
  }
}
