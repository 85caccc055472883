import { sleep } from '#runtime/lifetime.ts'
import type { Log } from '#runtime/log.ts'
import type { TunnelLayer, TunnelTarget } from './tunnel.ts'

/** Milliseconds. */
const pause = 1_000

/**
 * Opens a tunnel to this pod's own listener, until one stands: key, chain, bundle and listener then fit together, as a
 * peer will find them. The first handshake of a process is several times as long as the next, and nobody waits for
 * this one.
 */
export async function proveTunnel(
  layer: TunnelLayer,
  own: TunnelTarget,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    try {
      const tunnel = await layer.dial(own, signal)
      tunnel.retire()
      return
    } catch (error) {
      if (!signal.aborted) log.warn('this pod cannot open a tunnel to itself; it tries again', { error })
    }
    await sleep(pause, signal)
  }
}
