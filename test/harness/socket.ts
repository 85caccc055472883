import { isIPv6, type Server, Socket } from 'node:net'
import koffi from 'koffi'
import { ipToBytes, parseSocketAddress, type SocketAddress } from '#mesh/address.ts'
import { type Standing, within } from './within.ts'

const libc = koffi.load(null)
const openSocket = libc.func('int socket(int domain, int type, int protocol)')
const bindSocket = libc.func('int bind(int fd, uint8_t *address, unsigned int length)')
const setOption = libc.func('int setsockopt(int fd, int level, int name, int *value, unsigned int length)')

/** A TCP connection from a namespace to `ip:port`, its two directions ended independently; resolves once it is open. */
export async function connectFrom(
  standing: Standing,
  target: string,
  { timeout = 5_000 }: { readonly timeout?: number } = {},
): Promise<Socket> {
  const socket = dial(standing, target, { allowHalfOpen: true })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const late = setTimeout(() => {
    socket.destroy(new Error(`${standing.namespace}: ${target} did not answer within ${timeout} ms`))
  }, timeout)
  socket.once('connect', resolve).once('error', reject)
  try {
    await promise
    socket.off('error', reject)
    return socket
  } finally {
    clearTimeout(late)
  }
}

/** Puts a server of this process on a port inside a namespace. */
export async function listenIn(
  standing: Standing,
  server: Server,
  { port, host = '0.0.0.0' }: { readonly port: number; readonly host?: string },
): Promise<void> {
  const fd = boundSocket(standing, host, port)
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).listen({ fd }, resolve)
  await promise
}

/** A socket that is connecting from a namespace to `ip:port`. */
export function dial(
  standing: Standing,
  target: string,
  { allowHalfOpen }: { readonly allowHalfOpen: boolean },
): Socket {
  const address = parseSocketAddress(target)
  if (!address) throw new Error(`${target} is no address: write ip:port, with IPv6 in brackets`)
  const fd = kernelSocket(standing, isIPv6(address.ip))
  const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen })
  return socket.connect(address.port, address.ip)
}

// Node makes its own sockets a tick later, back in the namespace it came from, so the kernel's are made here.
function kernelSocket(standing: Standing, ipv6: boolean): number {
  const [SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC] = [1, 0o4000, 0o2000000]
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
  const fd: number = within(standing, () => openSocket(ipv6 ? 10 : 2, type, 0))
  if (fd < 0) throw new Error(`${standing.namespace}: no socket: errno ${koffi.errno()}`)
  return fd
}

function boundSocket(standing: Standing, host: string, port: number): number {
  const address = parseSocketAddress(isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`)
  if (!address) throw new Error(`cannot listen on ${host}:${port}: write an IP address and a port`)
  const fd = kernelSocket(standing, isIPv6(host))
  const [SOL_SOCKET, SO_REUSEADDR] = [1, 2]
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, [1], 4)
  const bytes = socketAddressBytes(address)
  if (bindSocket(fd, bytes, bytes.length) === 0) return fd
  throw new Error(`${standing.namespace}: cannot bind ${host}:${port}: errno ${koffi.errno()}`)
}

/** A `sockaddr_in` or `sockaddr_in6`. */
function socketAddressBytes({ ip, port }: SocketAddress): Buffer {
  const ipv6 = isIPv6(ip)
  const bytes = Buffer.alloc(ipv6 ? 28 : 16)
  bytes[0] = ipv6 ? 10 : 2
  bytes.writeUInt16BE(port, 2)
  bytes.set(ipToBytes(ip), ipv6 ? 8 : 4)
  return bytes
}
