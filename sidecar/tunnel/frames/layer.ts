import type { ContextSource } from '../context-source.ts'
import { authenticate } from '../handshake.ts'
import type { TunnelLayer } from '../tunnel.ts'
import { defaultLimits, type FrameLimits } from './limits.ts'
import { FrameTunnel } from './tunnel.ts'

/** HBONE over HTTP/2 frames of our own. */
export function framesLayer(contexts: ContextSource, limits: FrameLimits = defaultLimits): TunnelLayer {
  return {
    async dial(target, signal) {
      const { socket, ...proved } = await authenticate(contexts, target, signal)
      return new FrameTunnel(socket, { ...proved, limits })
    },
  }
}
