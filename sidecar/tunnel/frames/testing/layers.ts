import { performServerHandshake } from 'node:http2'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { ports } from '#mesh/ports.ts'
import type { ContextSource } from '../../context-source.ts'
import { http2Layer } from '../../testing/http2-dial.ts'
import { http2Leg } from '../../testing/http2-leg.ts'
import { connectionWindow, http2Limits, http2Settings } from '../../testing/http2-settings.ts'
import { tlsContext } from '../../tls-context.ts'
import type { TunnelLayer } from '../../tunnel.ts'
import { framesLayer } from '../layer.ts'
import { defaultLimits } from '../limits.ts'
import { type FrameRequest, serveFrames } from '../server.ts'

/** The accepting end of one tunnel, of either layer. */
export interface ServedTunnel {
  close(): void
  cut(): void
}

export interface LayerUnderTest {
  readonly name: 'http2' | 'frames'
  layer(contexts: ContextSource): TunnelLayer
  serve(socket: TLSSocket, onStream: (request: FrameRequest) => void): ServedTunnel
}

export const framesUnderTest: LayerUnderTest = {
  name: 'frames',
  layer: (contexts) => framesLayer(contexts),
  serve(socket, onStream) {
    // A tunnel carries fewer by default, and `node:http2` far more.
    const limits = { ...defaultLimits, maxConcurrentStreams: 1_000 }
    const session = serveFrames(socket, onStream, { limits })
    return { close: () => session.close(), cut: () => session.destroy(new Error('cut')) }
  },
}

export const http2UnderTest: LayerUnderTest = {
  name: 'http2',
  layer: http2Layer,
  serve(socket, onStream) {
    const session = performServerHandshake(socket, { ...http2Limits, settings: http2Settings })
    session.setLocalWindowSize(connectionWindow)
    session.on('error', () => {})
    session.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      onStream({
        authority: headers[':authority'] ?? '',
        leg: http2Leg(stream),
        accept: () => {
          if (!stream.destroyed && !stream.headersSent) stream.respond({ ':status': 200 })
        },
        reject(status) {
          stream.respond({ ':status': status }, { endStream: true })
          stream.close()
        },
      })
    })
    return { close: () => session.close(), cut: () => session.destroy() }
  },
}

export const layersUnderTest = [http2UnderTest, framesUnderTest]

/** A TLS listener as the sidecar's own is, on an address of loopback. */
export async function listenTls(
  contexts: ContextSource,
  host: string,
  onSocket: (socket: TLSSocket) => void,
): Promise<Server> {
  const server = createServer({
    ...tlsContext(contexts.certificate(), contexts.trust()),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
    noDelay: true,
    highWaterMark: 64 * 1024,
  })
  server.on('secureConnection', onSocket)
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(ports.hbone, host, 4_096, resolve)
  })
  return server
}
