import { openDoor } from '#runtime/door.ts'
import { doorMetrics } from '#runtime/door-metrics.ts'
import { exposition } from '#runtime/exposition.ts'
import { serveHttp } from '#runtime/http.ts'
import { aborted } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import { createMetrics, type Registry as Metrics } from '#runtime/metrics.ts'
import { RateLimit } from '#runtime/rate-limit.ts'
import { type Authority, createAuthority } from './authority/authority.ts'
import { type Authenticate, authenticate } from './authority/bearer.ts'
import { certificateServiceDefinition, type Revocable } from './authority/certificate-service.ts'
import { failureRate, limitFailures } from './authority/failed-attempts.ts'
import { revocationMetrics } from './authority/revocation/metrics.ts'
import { refuseRevoked } from './authority/revocation/refuse-revoked.ts'
import { Revocations } from './authority/revocation/revocations.ts'
import type { ControlPlaneConfig } from './config.ts'
import { openFilePlatform } from './file-platform.ts'
import { createGrpcServer, mostOfOneAddress, shutDown } from './grpc-server.ts'
import { openKubernetesPlatform } from './kubernetes-platform.ts'
import type { RegistryState } from './model/registry-state.ts'
import type { Platform } from './platform.ts'
import { Publisher } from './publisher.ts'
import { DiscoveryService } from './push/discovery-service.ts'
import { pushMetrics } from './push/metrics.ts'
import { startRootRotation } from './root-rotation.ts'
import { servingCredentials } from './serving-credentials.ts'

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
      'GET /metrics': exposition(metrics),
      'GET /ready': () =>
        serving ? { body: 'ready\n' } : { status: 503, body: 'waiting for a first good registry\n' },
    },
  })
  stack.defer(() => http.close())

  const platform = stack.use(await openPlatform(config, { log, metrics }, signal))
  for await (const state of platform.registry.watch(signal)) {
    if (serving) serving.take(state)
    else {
      serving = stack.use(await serve(config, state, platform, { log, metrics, signal }))
      log.info('control plane ready', { port: serving.port, trustDomain: state.mesh.trustDomain })
      started?.({ grpc: serving.port, metrics: http.port })
    }
  }
  await aborted(signal)
}

export interface Instruments {
  readonly log: Log
  readonly metrics: Metrics
}

function openPlatform(
  config: ControlPlaneConfig,
  { log, metrics }: Instruments,
  signal: AbortSignal,
): Promise<Platform> {
  const { registry, namespace, checkTokenAddress, certificateLifetime: lifetime } = config
  const common = { checkTokenAddress, lifetime, log, metrics }
  switch (registry.kind) {
    case 'file':
      return openFilePlatform({ ...registry, signal, ...common })
    case 'kubernetes':
      return openKubernetesPlatform({ ...registry, namespace, signal, ...common })
  }
}

export interface Serving extends AsyncDisposable {
  readonly port: number
  take(state: RegistryState): void
}

/** Opens what needs the trust domain, publishes the first state, and listens. */
export async function serve(
  config: ControlPlaneConfig,
  first: RegistryState,
  platform: Platform,
  { log, metrics, signal }: Instruments & { readonly signal?: AbortSignal },
): Promise<Serving> {
  const { namespace, certificateLifetime: lifetime } = config
  const { trustDomain } = first.mesh
  const { signers: store, pluggedCa, identityStatus: status, serials: ledger } = platform
  const { identityRequests: requests, replica } = platform
  const publishTrust = (bundle: string) => platform.publishTrust(bundle)
  await using stack = new AsyncDisposableStack()
  const authority = stack.adopt(
    await createAuthority({ store, pluggedCa, publishTrust, trustDomain, namespace, lifetime, log, metrics }),
    (opened) => opened.close(),
  )
  const issuer = () => authority.signer
  const revocations = stack.use(
    await Revocations.open(
      { requests, ledger, status, replica, issuer, log, metrics: revocationMetrics(metrics) },
      signal,
    ),
  )
  const isRevoked = (podUid: string) => revocations.isRevoked(podUid)
  const tokens = refuseRevoked(platform.tokens, isRevoked)
  const judge: Authenticate = (call) => authenticate(call, tokens)
  // Where the network hides addresses, one that fails would shut the door on everybody behind the same one.
  const identify = config.checkTokenAddress
    ? limitFailures(judge, { limit: new RateLimit(failureRate), log })
    : judge
  const discovery = new DiscoveryService({
    authenticate: identify,
    metrics: pushMetrics(metrics),
    log,
  })
  stack.defer(requests.subscribe(() => discovery.endStreams(isRevoked)))
  const publisher = stack.adopt(
    new Publisher({
      trustDomain,
      namespace,
      trustBundle: authority.trustBundle,
      revocationList: revocations.list,
      publish: (model) => discovery.publish(model),
      metrics,
      log,
    }),
    (opened) => opened.close(),
  )
  const take = (state: RegistryState): Promise<void> =>
    publisher.take(state) ? platform.published(state) : Promise.resolve()
  await take(first)

  const parts = { authority, platform, discovery, publisher, trustDomain, isRevoked }
  stack.adopt(startRootRotation(config, parts, { log, metrics }), (opened) => opened.close())
  const services = createServer({ discovery, authority, identify, revocable: { ledger, isRevoked } })
  const server = stack.adopt(services, async (opened) => {
    discovery.close()
    await shutDown(opened)
  })
  const connections = server.createConnectionInjector(servingCredentials(authority.serving))
  const door = stack.adopt(
    await openDoor(config.listen, {
      ofOneAddress: config.checkTokenAddress ? mostOfOneAddress : Number.POSITIVE_INFINITY,
      take: (connection) => connections.injectConnection(connection),
      metrics: doorMetrics(metrics, doorMetricNames),
      log,
    }),
    (opened) => opened.close(),
  )
  const opened = stack.move()
  return {
    port: door.port,
    take: (state) => void take(state),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

const doorMetricNames = {
  open: 'weft_control_plane_connections',
  refused: 'weft_control_plane_connections_refused_total',
  server: 'the control plane',
}

interface Services {
  readonly discovery: DiscoveryService
  readonly authority: Authority
  readonly identify: Authenticate
  readonly revocable: Revocable
}

function createServer({ discovery, authority, identify, revocable }: Services) {
  const server = createGrpcServer()
  server.addService(DiscoveryService.definition, discovery.implementation)
  server.addService(certificateServiceDefinition, authority.certificateService(identify, revocable))
  return server
}
