import { connect, createServer, type Server, type Socket } from 'node:net'
import koffi from 'koffi'
import { ipFromBytes, type OriginalDestination } from '#mesh/address.ts'

// From linux/in.h, linux/in6.h and linux/netfilter_ipv4.h; the same on every architecture of Linux.
const SOL_IP = 0
const SOL_IPV6 = 41
const SO_ORIGINAL_DST = 80
const IPPROTO_TCP = 6
const TCP_INFO = 11
const TCP_CLOSE = 7

const libc = koffi.load(null)
const getsockopt = libc.func(
  'int getsockopt(int fd, int level, int name, _Out_ uint8_t *value, _Inout_ uint32_t *size)',
)

/** Why a connection has no original destination. */
export class NotRedirectedError extends Error {
  override readonly name = 'NotRedirectedError'
}

/**
 * Where an accepted connection was going before the kernel redirected it. Call it synchronously in the accept
 * callback, before anything wraps the socket. Throws NotRedirectedError when the kernel did not redirect it.
 */
export function originalDestination(socket: Socket): OriginalDestination {
  // An IPv4 client of a dual-stack listener shows as ::ffff:a.b.c.d, and only the IPv4 call knows it.
  const isV4 = socket.remoteFamily === 'IPv4' || (socket.remoteAddress?.startsWith('::ffff:') ?? false)
  const bytes = readOption(socket, isV4 ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, isV4 ? 16 : 28)
  if (!bytes) throw new NotRedirectedError('the connection was not redirected: conntrack does not know it')
  const port = (bytes[2]! << 8) | bytes[3]!
  const ip = ipFromBytes(isV4 ? bytes.subarray(4, 8) : bytes.subarray(8, 24))
  // A tracked connection that nobody redirected answers with the socket's own address.
  if (!ip || (port === socket.localPort && ip === plain(socket.localAddress))) {
    throw new NotRedirectedError('the connection came straight to the listener; nobody redirected it')
  }
  return { ip, port } as OriginalDestination
}

/** Whether the kernel has closed the connection under a socket of which Node reports nothing any more. */
export function isClosedByKernel(socket: Socket): boolean {
  return readOption(socket, IPPROTO_TCP, TCP_INFO, 8)?.[0] === TCP_CLOSE
}

/** Proves at start that this Node still shows descriptors and that libc answers; throws a reason otherwise. */
export async function checkSocketOptions(): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const client = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1')
  try {
    await new Promise<void>((resolve, reject) => client.once('connect', resolve).once('error', reject))
    const state = readOption(client, IPPROTO_TCP, TCP_INFO, 8)
    if (!state)
      throw new Error('getsockopt(TCP_INFO) failed on a connected socket; this Node or libc cannot be used')
  } finally {
    client.destroy()
    server.close()
  }
}

function readOption(socket: Socket, level: number, name: number, size: number): Uint8Array | undefined {
  const fd = descriptor(socket)
  if (fd === undefined) return undefined
  const value = new Uint8Array(size)
  return getsockopt(fd, level, name, value, [size]) === 0 ? value : undefined
}

/** The one place that leans on `_handle`, which Node does not document; `checkSocketOptions` guards it. */
export function descriptor(socket: Socket | Server): number | undefined {
  const handle = (socket as (Socket | Server) & { _handle?: { fd?: number } | null })._handle
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined
}

function plain(address: string | undefined): string | undefined {
  return address?.startsWith('::ffff:') ? address.slice(7) : address
}
