import { expect } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import { to } from '#mesh/testing/mesh.ts'
import { silentLog } from '#runtime/log.ts'
import { Counter, createMetrics } from '#runtime/metrics.ts'
import type { Certificate } from '../credentials/certificate.ts'
import { defaultLimits } from '../limits.ts'
import type { ContextSource } from '../tunnel/context-source.ts'
import { TunnelServer } from '../tunnel/server.ts'
import type { Tunnel, TunnelRequest } from '../tunnel/tunnel.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'
import { Heard } from './heard.ts'

/** What one end of a tunnel proves itself by; a test may change it as a renewal does. */
export interface Contexts extends ContextSource {
  own: Certificate
  roots: TrustBundle
}

export function contexts(own: Certificate, roots: TrustBundle): Contexts {
  const source: Contexts = {
    own,
    roots,
    certificate: () => source.own,
    trust: () => source.roots,
    authorities: () => source.own.intermediates,
  }
  return source
}

export interface ServedTunnels extends AsyncDisposable {
  readonly server: TunnelServer
  readonly requests: TunnelRequest[]
  /** The n-th request, counted from 0, as soon as it is there. */
  request(n?: number): Promise<TunnelRequest>
  /** How many were refused for a reason before they were requests. */
  refused(reason: string): Promise<number>
}

/** An accepting end that leaves the answers to the test. */
export async function served(
  source: ContextSource,
  onRequest: (request: TunnelRequest) => void = () => {},
  limits = defaultLimits,
): Promise<ServedTunnels> {
  const requests: TunnelRequest[] = []
  const registry = createMetrics()
  const refused = new Counter({ name: 'refused', help: '-', labelNames: ['reason'], registers: [registry] })
  const server = new TunnelServer({
    contexts: source,
    log: silentLog,
    refused,
    limits,
    onRequest: (request) => {
      requests.push(request)
      onRequest(request)
    },
  })
  await server.refresh()
  return {
    server,
    requests,
    async request(n = 0) {
      await expect.poll(() => requests.length, { interval: 2, timeout: 5_000 }).toBeGreaterThan(n)
      return requests[n]!
    },
    async refused(reason) {
      const { values } = await refused.get()
      return values.find(({ labels }) => labels.reason === reason)?.value ?? 0
    },
    async [Symbol.asyncDispose]() {
      void server.close()
      server.cut()
      await Promise.resolve()
    },
  }
}

/** Where the streams of tests go; nobody is there. */
export const destination = to('10.77.0.1', 8080) as EndpointAddress

/** One stream that the far end accepted, read at this end. */
export async function requestedStream(tunnel: Tunnel, ends: ServedTunnels) {
  const { leg: nearLeg, reply } = tunnel.open(destination)
  const near = new Heard(nearLeg)
  const request = await ends.request(ends.requests.length)
  request.accept()
  expect(await reply).toEqual({ kind: 'connected' })
  return { near, nearLeg, request }
}

/** The same, read at both ends. */
export async function openStream(tunnel: Tunnel, ends: ServedTunnels) {
  const { request, ...rest } = await requestedStream(tunnel, ends)
  return { ...rest, far: new Heard(request.leg), farLeg: request.leg }
}
