import type { Socket } from 'node:net'
import type { Leg } from './leg.ts'
import { streamLeg } from './stream-leg.ts'

/** A TCP connection as a Leg. The socket must allow half-open connections. */
export function socketLeg(socket: Socket): Leg {
  return streamLeg(socket, {
    reset: () => {
      if (!socket.destroyed) socket.resetAndDestroy()
    },
    wasAborted: () => false,
  })
}
