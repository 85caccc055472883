import type { Server, Socket } from 'node:net'
import koffi from 'koffi'
import { descriptor } from './original-destination.ts'

// From asm-generic/socket.h; the same on every architecture of Linux that Node runs on.
const SOL_SOCKET = 1
const SO_LINGER = 13

const libc = koffi.load(null)
const setsockopt = libc.func(
  'int setsockopt(int fd, int level, int name, const int32_t *value, uint32_t size)',
)

// A `struct linger`: on or off, then seconds.
const reset = Int32Array.of(1, 0)
const orderly = Int32Array.of(0, 0)

/**
 * Has the kernel reset the connection when its descriptor is closed. Should this process be killed, the peer must not
 * take what it got so far for all there was. What a listener accepts inherits it.
 */
export function closeWithReset(socket: Socket | Server): void {
  set(socket, reset)
}

/** Has the kernel close the connection as usual, and deliver what it was handed. */
export function closeInOrder(socket: Socket): void {
  set(socket, orderly)
}

function set(socket: Socket | Server, value: Int32Array): void {
  const fd = descriptor(socket)
  // A socket that has no descriptor any more is closed already.
  if (fd !== undefined) setsockopt(fd, SOL_SOCKET, SO_LINGER, value, value.byteLength)
}
