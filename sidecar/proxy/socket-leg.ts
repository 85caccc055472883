import type { Socket } from 'node:net'
import { unwatch, watchInKernel } from './kernel-sweep.ts'
import type { Leg } from './leg.ts'
import { streamLeg } from './stream-leg.ts'

/** A TCP connection as a Leg. The socket must allow half-open connections. */
export function socketLeg(socket: Socket): Leg {
  const leg = streamLeg(socket, {
    reset: () => {
      if (!socket.destroyed) socket.resetAndDestroy()
    },
    wasAborted: () => false,
    wasSent: () => socket.writableFinished,
  })
  let hasEnded = false
  const watch = (): void =>
    watchInKernel(socket, () => {
      // Closed also means that both have sent FIN, and then there may be bytes that nobody has read yet.
      if (hasEnded || !socket.writableEnded) leg.abort(new Error('the peer reset the connection'))
    })
  socket.once('end', () => {
    hasEnded = true
    watch()
  })
  socket.once('close', () => unwatch(socket))
  return {
    ...leg,
    pause() {
      leg.pause()
      watch()
    },
    resume() {
      if (!hasEnded) unwatch(socket)
      leg.resume()
    },
  }
}
