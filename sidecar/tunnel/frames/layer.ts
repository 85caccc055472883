import { BufferBudget } from '../buffer-budget.ts'
import type { ContextSource } from '../context-source.ts'
import { authenticate } from '../handshake.ts'
import type { TunnelLayer } from '../tunnel.ts'
import { FrameTunnel } from './tunnel.ts'

/** HBONE over HTTP/2 frames of our own; `buffers` are the process's. */
export function framesLayer(contexts: ContextSource, buffers = new BufferBudget()): TunnelLayer {
  return {
    async dial(target, signal) {
      const { socket, ...proved } = await authenticate(contexts, target, signal)
      return new FrameTunnel(socket, { ...proved, buffers })
    },
  }
}
