import type { Socket } from 'node:net'
import { isClosedByKernel } from './original-destination.ts'

/** Milliseconds. */
const interval = 5_000

/**
 * Sockets of which Node would tell nothing, not even a reset: those whose peer has sent FIN and may still be written
 * to, and those that are not read for now. The kernel is asked about them, or connections that nobody has any more
 * would stay for ever.
 */
const watched = new Map<Socket, () => void>()
let timer: NodeJS.Timeout | undefined

/** Calls `lost` once when the kernel has closed the connection under a socket; until `unwatch`. */
export function watchInKernel(socket: Socket, lost: () => void): void {
  if (socket.destroyed) return
  watched.set(socket, lost)
  timer ??= setInterval(sweep, interval).unref()
}

export function unwatch(socket: Socket): void {
  watched.delete(socket)
  if (watched.size > 0) return
  clearInterval(timer)
  timer = undefined
}

function sweep(): void {
  for (const [socket, lost] of watched) {
    if (!isClosedByKernel(socket)) continue
    unwatch(socket)
    lost()
  }
}
