import { createServer, type Server } from 'node:https'
import type { DoorMetrics } from '#runtime/door-metrics.ts'
import { type HttpServer, serveHttp } from '#runtime/http.ts'
import type { Listen } from '#runtime/listen.ts'
import type { Log } from '#runtime/log.ts'
import { type ServingCertificate, servingContext } from '../certificate/serving-certificate.ts'
import type { ReviewAnswer } from '../review/review.ts'

/** Bytes of a review. The API server takes no pod of more than 1.5 MB, and sends it whole with a little around it. */
export const reviewLimit = 3 * 1024 * 1024

/** Bytes of all reviews under way: ten of the greatest, or some hundreds of those that are common. */
export const reviewsLimit = 10 * reviewLimit

/** More than an API server opens, and so many that few pods together fill them: whoever has most makes room then. */
export const connectionBounds = { maxConnectionsOfOneAddress: 64, maxConnections: 1_024 }

export interface WebhookServerOptions {
  readonly listen: Listen
  readonly certificate: ServingCertificate
  readonly review: (body: string) => Promise<ReviewAnswer>
  readonly ready: () => boolean
  readonly connections: DoorMetrics
  readonly log: Log
}

export interface WebhookServer extends HttpServer {
  /** Shows another certificate to every new connection; those that are open stay. */
  show(certificate: ServingCertificate): void
}

/** Serves `/inject` and `/ready` over TLS. Rejects when it cannot listen. */
export async function serveWebhook(options: WebhookServerOptions): Promise<WebhookServer> {
  const { certificate, review, ready, connections: metrics, log } = options
  let tls: Server | undefined
  const server = await serveHttp({
    ...options.listen,
    log,
    bodyLimit: reviewLimit,
    bodiesLimit: reviewsLimit,
    metrics,
    ...connectionBounds,
    create: (settings, listener) => {
      tls = createServer({ ...settings, ...servingContext(certificate), handshakeTimeout: 5_000 }, listener)
      return tls
    },
    routes: {
      'POST /inject': ({ headers, body }) => {
        if (headers['content-type']?.split(';')[0]?.trim() === 'application/json') return review(body)
        return { status: 415, body: { error: 'write content-type: application/json' } }
      },
      'GET /ready': () => (ready() ? { body: 'ready\n' } : { status: 503, body: 'ending\n' }),
    },
  })
  return { ...server, show: (next) => tls?.setSecureContext(servingContext(next)) }
}
