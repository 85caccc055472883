import { authorityClient } from '#runtime/authority-client.ts'
import { ControlChannel } from '#runtime/control-channel.ts'
import { exposition } from '#runtime/exposition.ts'
import { serveHttp } from '#runtime/http.ts'
import { aborted, sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { Renewing } from '#runtime/renewing.ts'
import { followRoot } from './certificate/follow-root.ts'
import { obtainServingCertificate, type ServingCertificate } from './certificate/serving-certificate.ts'
import { cachedNamespaces } from './cluster/cached-namespaces.ts'
import type { KubernetesCluster } from './cluster/kubernetes.ts'
import type { InjectorConfig } from './config.ts'
import { randomNonce } from './nonce.ts'
import { Reconciler } from './reconcile/reconciler.ts'
import { type Reviewing, review } from './review/review.ts'
import { webhookMetrics } from './webhook/metrics.ts'
import { serveWebhook } from './webhook/server.ts'

export interface RunOptions {
  readonly cluster: KubernetesCluster
  readonly log: Log
  /** Ends the injector in good order. */
  readonly signal: AbortSignal
  /** Called once reviews are answered. */
  readonly started?: (ports: { readonly webhook: number; readonly metrics: number }) => void
}

/**
 * Runs the injector until the signal aborts. Without a certificate of the mesh's authority it does not listen and is
 * not ready. Replicas know nothing of each other. Rejects when it cannot listen.
 */
export async function runInjector(config: InjectorConfig, options: RunOptions): Promise<void> {
  const { cluster, log, signal, started } = options
  const { settings } = config
  const registry = createMetrics()
  const metrics = webhookMetrics(registry)
  const stop = new AbortController()
  await using stack = new AsyncDisposableStack()

  const { trustBundle, token } = config
  const sign = authorityClient(new ControlChannel({ ...settings, trustBundle, token }))
  const certificates = new Renewing<ServingCertificate>({
    obtain: () => obtainServingCertificate(sign, config.dnsName),
    failed: (error, current) => {
      metrics.certificateFailures.inc()
      const secondsLeft = current && Math.round((current.notAfter - Date.now()) / 1_000)
      log.warn('the serving certificate could not be obtained', { error, secondsLeft })
    },
  })
  const obtained = Promise.withResolvers<ServingCertificate>()
  let serving = false
  certificates.onRenewed((certificate) => {
    const { serial, notAfter } = certificate
    log.info('serving certificate issued', { serial, notAfter: new Date(notAfter) })
    metrics.certificateExpiry.set(notAfter / 1_000)
    obtained.resolve(certificate)
  })

  const missing = (): string | undefined => {
    if (signal.aborted) return 'nothing: it is ending'
    const certificate = certificates.current()
    return serving && certificate && certificate.notAfter > Date.now() ? undefined : 'a serving certificate'
  }
  const http = await serveHttp({
    ...config.metricsListen,
    log,
    routes: {
      'GET /metrics': exposition(registry),
      'GET /ready': () => {
        const what = missing()
        return what === undefined ? { body: 'ready\n' } : { status: 503, body: `waits for ${what}\n` }
      },
    },
  })
  stack.defer(() => http.close())

  const renewing = Promise.all([
    certificates.run(stop.signal),
    followRoot({ certificates, trustBundle }, stop.signal),
  ])
  stack.defer(async () => {
    stop.abort()
    await renewing
  })
  const certificate = await Promise.race([obtained.promise, aborted(signal)])
  if (!certificate) return

  const reviewing: Reviewing = {
    settings,
    createNonce: randomNonce,
    namespaces: cachedNamespaces({ read: (name) => cluster.namespace(name), lifetime: 5_000 }),
    counted: (result) => metrics.reviews.inc({ result }),
    log: log.child({ part: 'webhook' }),
  }
  const webhook = await serveWebhook({
    listen: config.listen,
    certificate,
    review: async (body) => {
      const end = metrics.duration.startTimer()
      return await review(body, reviewing).finally(end)
    },
    ready: () => missing() === undefined,
    connections: metrics.connections,
    log,
  })
  certificates.onRenewed((renewed) => webhook.show(renewed))
  // It may have been renewed while the listener was opened.
  webhook.show(certificates.current() ?? certificate)
  serving = true
  const reconciler = new Reconciler({
    cluster,
    settings,
    excluded: config.excludedNamespaces,
    interval: config.reconcileInterval,
    log: log.child({ part: 'reconciler' }),
    metrics: registry,
  })
  const reconciling = reconciler.run(signal)
  log.info('injector ready', { port: webhook.port, dnsName: config.dnsName })
  started?.({ webhook: webhook.port, metrics: http.port })

  await aborted(signal)
  // API servers go on dialling until they have heard that this replica is not ready.
  await sleep(config.drainDelay)
  await webhook.close()
  await reconciling
}
