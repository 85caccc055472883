import { expect } from 'vitest'
import { silentLog } from '#runtime/log.ts'
import { Counter, createMetrics } from '#runtime/metrics.ts'
import type { Certificate } from '../credentials/certificate.ts'
import type { ContextSource } from '../tunnel/context-source.ts'
import { TunnelServer } from '../tunnel/server.ts'
import type { TunnelRequest } from '../tunnel/tunnel.ts'
import type { TrustBundle } from '../view/trust-bundle.ts'

/** What one end of a tunnel proves itself by; a test may change it as a renewal does. */
export interface Contexts extends ContextSource {
  own: Certificate
  roots: TrustBundle
}

export function contexts(own: Certificate, roots: TrustBundle): Contexts {
  const source: Contexts = { own, roots, certificate: () => source.own, trust: () => source.roots }
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
): Promise<ServedTunnels> {
  const requests: TunnelRequest[] = []
  const registry = createMetrics()
  const refused = new Counter({ name: 'refused', help: '-', labelNames: ['reason'], registers: [registry] })
  const server = new TunnelServer({
    contexts: source,
    log: silentLog,
    refused,
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
      server.close()
      server.cut()
      await Promise.resolve()
    },
  }
}
