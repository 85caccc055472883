import type { Socket } from 'node:net'
import { isClosedByKernel } from './original-destination.ts'

/** Milliseconds. */
const interval = 5_000

/**
 * Sockets whose peer has sent FIN and may still be written to. Node tells nothing more of such a peer, not even a
 * reset, so the kernel is asked; or connections that nobody has any more would stay for ever.
 */
const watched = new Map<Socket, () => void>()
let timer: NodeJS.Timeout | undefined

/** Calls `lost` once when the kernel has closed the connection under a half-closed socket. */
export function watchHalfClosed(socket: Socket, lost: () => void): void {
  if (socket.destroyed) return
  watched.set(socket, lost)
  socket.once('close', () => {
    watched.delete(socket)
    if (watched.size > 0) return
    clearInterval(timer)
    timer = undefined
  })
  timer ??= setInterval(sweep, interval).unref()
}

function sweep(): void {
  for (const [socket, lost] of watched) {
    if (!isClosedByKernel(socket)) continue
    watched.delete(socket)
    lost()
  }
}
