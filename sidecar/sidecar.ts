import { networkInterfaces } from 'node:os'
import { ports } from '#mesh/ports.ts'
import { authorityClient } from '#runtime/authority-client.ts'
import { ControlChannel } from '#runtime/control-channel.ts'
import { exposition } from '#runtime/exposition.ts'
import { type HttpServer, serveHttp } from '#runtime/http.ts'
import { sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import { Counter, createMetrics } from '#runtime/metrics.ts'
import { adminRoutes } from './admin.ts'
import { type Config, ownUid } from './config.ts'
import { Connections } from './connections/connections.ts'
import { describeConnection } from './connections/describe.ts'
import { connectionMetrics } from './connections/metrics.ts'
import { refusalReason } from './connections/refusal.ts'
import { Credentials } from './credentials/credentials.ts'
import { followRoot } from './credentials/follow-root.ts'
import { credentialMetrics } from './credentials/metrics.ts'
import { descriptorsForConnections } from './descriptors.ts'
import { Discovery } from './discovery/discovery.ts'
import { discoveryMetrics } from './discovery/metrics.ts'
import { probeRoute } from './probes/probes.ts'
import { listen } from './proxy/accept.ts'
import { Affinity } from './proxy/affinity.ts'
import { ConnectError } from './proxy/connect-error.ts'
import { inboundPlaintext, inboundTunnel } from './proxy/inbound.ts'
import { Knocks } from './proxy/knocks.ts'
import { checkSocketOptions } from './proxy/original-destination.ts'
import { outbound } from './proxy/outbound.ts'
import { readAtMost } from './proxy/shared-reads.ts'
import { Readiness } from './readiness.ts'
import { BufferBudget } from './tunnel/buffer-budget.ts'
import type { ContextSource } from './tunnel/context-source.ts'
import { framesLayer } from './tunnel/frames/layer.ts'
import { limitMetrics } from './tunnel/metrics.ts'
import { isRevoked, type Peer } from './tunnel/peer.ts'
import { TunnelPool } from './tunnel/pool.ts'
import { type RootsInUse, reportRootsInUse } from './tunnel/roots-in-use.ts'
import { proveTunnel } from './tunnel/self-test.ts'
import { TunnelServer } from './tunnel/server.ts'
import { sameRoots, type TrustBundle } from './view/trust-bundle.ts'
import { View } from './view/view.ts'

/** A running sidecar. */
export interface Sidecar {
  /** Goes on serving until nothing is connected or the deadline is over, then ends. */
  drain(): Promise<void>
}

/** Starts a sidecar; rejects with an Error that names what it could not start. */
export async function startSidecar(config: Config, log: Log): Promise<Sidecar> {
  await checkSocketOptions()
  const stop = new AbortController()
  const registry = createMetrics()
  const own = new Set(config.podIps)

  // What it knows: the mesh as the control plane tells it, and who it is itself.
  const view = new View({ ownUid: ownUid(config) })
  const channel = new ControlChannel(config)
  const { trustDomain } = config.identity
  const discovery = new Discovery({
    channel,
    view,
    node: { id: ownUid(config), clusterId: config.clusterId },
    trustDomain,
    log: log.child({ part: 'discovery' }),
    metrics: discoveryMetrics(registry),
  })
  const credentials = new Credentials({
    identity: config.identity,
    sign: authorityClient(channel),
    log: log.child({ part: 'credentials' }),
    metrics: credentialMetrics(registry),
  })
  const contexts: ContextSource = {
    certificate: () => credentials.current() ?? fail('no_certificate', 'this sidecar has no certificate yet'),
    trust: () => view.current().trust ?? fail('no_certificate', 'this sidecar has no trust bundle yet'),
    authorities: () => credentials.authorities(),
  }

  // Who is connected, and what is told about it.
  const metrics = connectionMetrics(registry, () => connections.size)
  const { limits } = config
  const buffers = new BufferBudget(limits.bufferBytes)
  // The less memory there is for a stream, the less one read may bring for it.
  buffers.onWindow(() => readAtMost(buffers.window / 4))
  const most = { inbound: limits.inboundConnections, outbound: limits.outboundConnections }
  const connections = new Connections({
    view,
    room: { most, buffers, descriptors: descriptorsForConnections() },
    connected: metrics.connected,
    wouldDeny: (record, policy) => {
      metrics.wouldDeny(record, policy)
      log.info('a dry-run policy would deny a connection', { policy, ...describeConnection(record) })
    },
    report: (record) => {
      metrics.report(record)
      log.info('connection', describeConnection(record))
    },
  })
  const strays = new Counter({
    name: 'weft_inbound_refused_total',
    help: 'What was refused before a connection came of it: handshakes, requests that are no CONNECT, strays',
    labelNames: ['reason'],
    registers: [registry],
  })

  // The data path.
  const layer = framesLayer(contexts, buffers)
  const tunnels = new TunnelPool(layer)
  const affinity = new Affinity()
  const loopbacks = hasIpv6(own) ? ['127.0.0.1', '::1'] : ['127.0.0.1']
  const readiness = new Readiness({ view, credentials, loopbacks })
  const guarded = (story: Promise<void>): void => {
    story.catch((error: unknown) => log.error('a connection ended in an unexpected error', { error }))
  }
  const tunnelServer = new TunnelServer({
    contexts,
    log: log.child({ part: 'tunnel' }),
    refused: strays,
    limits,
    buffers,
    onRequest: (request) => guarded(inboundTunnel(request, { view, connections, own })),
  })
  limitMetrics(registry, { limits, buffers, connections, tunnels, server: tunnelServer })
  const stray = (error: Error, peer: string): void => {
    strays.inc({ reason: 'not_redirected' })
    log.info('a connection was refused', {
      peer,
      reason: refusalReason({ kind: 'not_redirected', detail: '' }),
      error,
    })
  }
  const inStep = (): boolean => discovery.inStep
  const knocks = new Knocks()
  const ask = (ip: Parameters<typeof discovery.ask>[0], signal: AbortSignal) => discovery.ask(ip, signal)
  const listeners = await Promise.all([
    ...loopbacks.map((host) =>
      listen({
        host,
        port: ports.outbound,
        log,
        onRefused: stray,
        onAccepted: (accepted) => {
          if (readiness.takeOutbound(accepted)) return
          const { socket, destination } = accepted
          const outward = { view, connections, tunnels, affinity, own, ask, inStep, knocks }
          guarded(outbound(socket, destination, outward))
        },
      }),
    ),
    listen({
      host: undefined,
      port: ports.inbound,
      log,
      onRefused: stray,
      onAccepted: (accepted) => {
        if (readiness.takeInbound(accepted)) return
        const { socket, destination, source } = accepted
        guarded(inboundPlaintext(socket, destination, source, { view, connections, own, ask }))
      },
    }),
  ])

  // A new certificate, or other roots: no tunnel of an older one opens another stream.
  let trust = view.current().trust
  const [ip] = config.podIps
  const renewTunnels = (): void => {
    if (!credentials.current() || !view.current().trust) return
    tunnels.retireAll()
    tunnelServer.refresh().then(
      async () => {
        const itself = { ip: ip!, identity: config.identity }
        await proveTunnel(layer, itself, { log, signal: stop.signal })
        readiness.listening()
      },
      (error: unknown) => {
        log.error('the tunnel listener could not take its certificate; it tries again', { error })
        setTimeout(renewTunnels, 1_000).unref()
      },
    )
  }
  credentials.onRenewed(renewTunnels)
  view.onChange(() => {
    const before = trust
    trust = view.current().trust
    if (trust === before) return
    if (!sameRoots(trust, before)) return renewTunnels()
    // TLS is told of roots alone; another list of what was taken back is no reason to meet everybody anew.
    const revoked = (peer: Peer): boolean => isRevoked(peer, trust)
    tunnels.retire(revoked)
    tunnelServer.retire(revoked)
  })

  // Another root: a certificate under the one that signs, and word of the roots that are still needed here.
  const inUse = {
    trust: () => view.current().trust,
    own: (bundle: TrustBundle) => credentials.root(bundle),
    peers: () => [...tunnels.peers(), ...tunnelServer.peers()],
    report: (roots: RootsInUse) => discovery.reportRoots(roots),
  }
  followRoot({
    credentials,
    trust: inUse.trust,
    onChange: (listener) => view.onChange(listener),
    spread: config.renewalSpread,
  })

  // What an operator, the kubelet and Prometheus ask.
  const admin = { view, connections, credentials, readiness, connected: () => discovery.connected, log }
  const ready = () => {
    const missing = readiness.missing()
    return missing === undefined ? { body: 'ready\n' } : { status: 503, body: `waits for ${missing}\n` }
  }
  const probes = config.probes && ip ? { 'GET /probe/*': probeRoute({ table: config.probes, ip }) } : {}
  const metricsRoutes = { 'GET /metrics': exposition(registry) }
  const readinessRoutes = { 'GET /ready': ready, ...probes }
  // Anybody may ask these; the kubelet and Prometheus ask from one address each, over a few connections.
  const open = { host: undefined, maxConnections: 256, maxConnectionsOfOneAddress: 32, log }
  const endpoints: HttpServer[] = await Promise.all([
    serveHttp({ host: '127.0.0.1', port: ports.admin, routes: adminRoutes(admin), loopbackOnly: true, log }),
    serveHttp({ ...open, port: ports.metrics, routes: metricsRoutes }),
    serveHttp({ ...open, port: ports.readiness, routes: readinessRoutes }),
  ])

  const running = Promise.all([
    credentials.run(stop.signal),
    discovery.run(stop.signal),
    reportRootsInUse(inUse, stop.signal),
    readiness.verifyOutbound(stop.signal),
  ])
  log.info('started', { identity: config.identity, podIps: config.podIps })

  return {
    async drain() {
      readiness.drain()
      log.info('draining', { connections: connections.size, deadlineMs: config.drainDeadline })
      const deadline = sleep(config.drainDeadline)
      await Promise.race([connections.idle(), deadline])
      const closed = tunnelServer.close()
      for (const listener of listeners) listener.close()
      // What peers asked for before they could read the GOAWAY is served to its end, and what they are told is read.
      const ended = Promise.all([closed, tunnels.end()]).then(() => connections.idle())
      await Promise.race([ended, deadline])
      connections.cutAll({ kind: 'drained' })
      await Promise.race([connections.idle(), sleep(1_000)])
      tunnelServer.cut()
      tunnels.close()
      stop.abort()
      channel.close()
      await Promise.all(endpoints.map((endpoint) => endpoint.close()))
      await running
    },
  }
}

function fail(failure: 'no_certificate', message: string): never {
  throw new ConnectError(failure, message)
}

function hasIpv6(own: ReadonlySet<string>): boolean {
  const loopback = (networkInterfaces()['lo'] ?? []).some(({ family }) => family === 'IPv6')
  return loopback && [...own].some((ip) => ip.includes(':'))
}
