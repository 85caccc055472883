import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { ContextSource } from '../context-source.ts'
import { authenticate } from '../handshake.ts'
import type { TunnelLayer } from '../tunnel.ts'
import { connectionWindow, http2Limits, http2Settings } from './http2-settings.ts'
import { Http2Tunnel } from './http2-tunnel.ts'

/** HBONE over node:http2: an implementation that nobody here wrote, to hold ours against. */
export function http2Layer(contexts: ContextSource): TunnelLayer {
  return {
    async dial(target, signal) {
      const { socket, peer, keyExchange, expires } = await authenticate(contexts, target, signal)
      return new Http2Tunnel(startSession(socket), peer, keyExchange, expires)
    },
  }
}

function startSession(socket: TLSSocket): ClientHttp2Session {
  const session = connectHttp2('https://hbone', {
    ...http2Limits,
    createConnection: () => socket,
    settings: http2Settings,
    peerMaxConcurrentStreams: http2Settings.maxConcurrentStreams,
  })
  session.setLocalWindowSize(connectionWindow)
  return session
}
