import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../harness/until.ts'
import { secretOf, selfSigned } from './harness/certificate.ts'
import { apply, kubectl } from './harness/kubectl.ts'
import { peerAuthentication, pod, service } from './harness/manifests.ts'
import type { Pod } from './harness/pod.ts'
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
    const { pod: guard, root } = await openGuard('guard')
    await using webhook = new AsyncDisposableStack()
    webhook.defer(
      async () => void (await kubectl(['delete', 'validatingwebhookconfiguration', namespace.name])),
    )
    await apply([guardedBy(namespace.name, root)])
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

  test('row 18: the API server asks an aggregated API in a strict pod, as itself and for who asked', async () => {
    const { namespace } = shop
    const { pod: librarian, root } = await openGuard('librarian')
    const group = `${namespace.name}.weft.test`
    await using aggregated = new AsyncDisposableStack()
    // Before its namespace, whose removal waits for every API to answer.
    aggregated.defer(async () => void (await kubectl(['delete', 'apiservice', `v1.${group}`])))
    await apply([apiService(group, namespace.name, 'librarian', root)])
    await kubectl(['wait', '--for=condition=Available', '--timeout=60s', `apiservice/v1.${group}`], {
      timeout: 70_000,
    })
    const user = (await kubectl(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'])).trim()
    const answer = JSON.parse(await kubectl(['get', '--raw', `/apis/${group}/v1/books`])) as object
    expect(answer).toMatchObject({ certificate: expect.stringContaining('front-proxy'), user })
    const record = { direction: 'inbound', destination: `${librarian.ip}:8443` } as const
    expect(await librarian.connection(record)).toMatchObject({ security: 'none' })
  })
})

/** A strict pod that serves TLS of its own, open to everybody at the port of its Service; and what it is verified by. */
async function openGuard(name: string): Promise<{ readonly pod: Pod; readonly root: string }> {
  const { namespace } = shop
  const own = selfSigned(`${name}.${namespace.name}.svc`)
  await namespace.apply(
    secretOf(name, own),
    service(name, { ports: [{ port: 443, targetPort: 8443 }] }),
    peerAuthentication(name, {
      mode: 'Strict',
      selector: { matchLabels: { app: name } },
      ports: { 8443: 'Permissive' },
    }),
  )
  return { pod: await namespace.pod(securePod(name, name)), root: own.certificate }
}

/** A version of an API that this Service of a namespace answers for. */
function apiService(group: string, namespace: string, name: string, root: string): object {
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `v1.${group}` },
    spec: {
      group,
      version: 'v1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      service: { name, namespace, port: 443 },
      caBundle: Buffer.from(root).toString('base64'),
    },
  }
}

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
