import { IstioCertificateServiceService } from '#proto/istio/v1/auth/ca.ts'
import { serveHttp } from '#runtime/http.ts'
import { aborted } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import { createMetrics, type Registry as Metrics } from '#runtime/metrics.ts'
import { type Authority, createAuthority } from './authority/authority.ts'
import { authenticate } from './authority/bearer.ts'
import { type FileTokens, openFileTokens } from './authority/file-tokens/file-tokens.ts'
import type { ControlPlaneConfig } from './config.ts'
import { createGrpcServer, listen, shutDown } from './grpc-server.ts'
import type { RegistryState } from './model/registry-state.ts'
import { Publisher } from './publisher.ts'
import { DiscoveryService } from './push/discovery-service.ts'
import { pushMetrics } from './push/metrics.ts'
import { servingCredentials } from './serving-credentials.ts'
import { createFileRegistry } from './watch/file/file-registry.ts'

export interface RunOptions {
  readonly log: Log
  /** Ends the control plane in good order. */
  readonly signal: AbortSignal
  /** Called once clients are served. */
  readonly started?: (ports: ControlPlanePorts) => void
}

export interface ControlPlanePorts {
  readonly grpc: number
  readonly metrics: number
}

/**
 * Runs the control plane until the signal aborts: registry -> model -> push, with the authority beside it. Nothing
 * is served before a first good registry, which names the trust domain. Rejects when it cannot keep its state or listen.
 */
export async function runControlPlane(config: ControlPlaneConfig, options: RunOptions): Promise<void> {
  const { log, signal, started } = options
  const metrics = createMetrics()
  await using stack = new AsyncDisposableStack()
  let serving: Serving | undefined

  const http = await serveHttp({
    ...config.metricsListen,
    log,
    routes: {
      'GET /metrics': async () => ({ type: metrics.contentType, body: await metrics.metrics() }),
      'GET /ready': () =>
        serving ? { body: 'ready\n' } : { status: 503, body: 'waiting for a first good registry\n' },
    },
  })
  stack.defer(() => http.close())

  const registry = createFileRegistry({ file: config.registryFile, log, metrics })
  for await (const state of registry.watch(signal)) {
    if (serving) serving.take(state)
    else {
      serving = stack.use(await serve(config, state, { log, metrics }))
      log.info('control plane ready', { port: serving.port, trustDomain: state.mesh.trustDomain })
      started?.({ grpc: serving.port, metrics: http.port })
    }
  }
  await aborted(signal)
}

interface Serving extends AsyncDisposable {
  readonly port: number
  take(state: RegistryState): void
}

/** Opens what needs the trust domain, publishes the first state, and listens. */
async function serve(
  config: ControlPlaneConfig,
  first: RegistryState,
  { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
): Promise<Serving> {
  const { stateDir, namespace, certificateLifetime: lifetime, checkTokenAddress: checkPeerAddress } = config
  const { trustDomain } = first.mesh
  await using stack = new AsyncDisposableStack()
  const authority = stack.adopt(
    await createAuthority({ stateDir, trustDomain, namespace, lifetime, log, metrics }),
    (opened) => opened.close(),
  )
  const tokens = stack.adopt(await openFileTokens({ stateDir, log, checkPeerAddress }), (opened) =>
    opened.close(),
  )
  const discovery = new DiscoveryService({
    authenticate: (call) => authenticate(call, tokens),
    metrics: pushMetrics(metrics),
    log,
  })
  const publisher = stack.adopt(
    new Publisher({
      trustDomain,
      trustBundle: authority.trustBundle,
      publish: (model) => discovery.publish(model),
      metrics,
      log,
    }),
    (opened) => opened.close(),
  )
  const take = (state: RegistryState): Promise<void> =>
    publisher.take(state) ? tokens.update(state) : Promise.resolve()
  await take(first)

  const server = stack.adopt(createServer(discovery, authority, tokens), async (opened) => {
    discovery.close()
    await shutDown(opened)
  })
  const port = await listen(server, config.listen, servingCredentials(authority.serving))
  const opened = stack.move()
  return {
    port,
    take: (state) => void take(state),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function createServer(discovery: DiscoveryService, authority: Authority, tokens: FileTokens) {
  const server = createGrpcServer()
  server.addService(DiscoveryService.definition, discovery.implementation)
  server.addService(IstioCertificateServiceService, authority.certificateService(tokens))
  return server
}
