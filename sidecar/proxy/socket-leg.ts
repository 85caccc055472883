import type { Socket } from 'node:net'
import { watchHalfClosed } from './half-closed.ts'
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
  socket.once('end', () => {
    watchHalfClosed(socket, () => leg.abort(new Error('the peer reset the connection after its FIN')))
  })
  return leg
}
