import { connect, type Socket } from 'node:net'
import { type EndpointAddress, formatSocketAddress } from '#mesh/address.ts'
import { ConnectError, dialFailure } from './connect-error.ts'

/** How long a TCP dial may take, in milliseconds. */
export const dialLimit = 5_000
/** When both ends are silent for so long, the kernel asks whether the peer is still there. Milliseconds. */
const keepAliveDelay = 30_000

/** A TCP connection to an address; rejects with a ConnectError. Half-open connections are kept. */
export function dial(address: EndpointAddress, signal: AbortSignal): Promise<Socket> {
  const where = formatSocketAddress(address)
  return new Promise((resolve, reject) => {
    const cancelled = new ConnectError('cancelled', `${where}: the client went away`)
    if (signal.aborted) return reject(cancelled)
    const socket = connect({
      host: address.ip,
      port: address.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelay,
    })
    const fail = (cause: unknown): void => {
      settle()
      // What comes late of a socket that is given up must not be an uncaught error.
      socket.on('error', () => {})
      socket.destroy()
      reject(dialFailure(where, cause))
    }
    const cancel = (): void => fail(cancelled)
    const timer = setTimeout(fail, dialLimit, Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }))
    const settle = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
      socket.removeListener('error', fail)
    }
    signal.addEventListener('abort', cancel, { once: true })
    socket.once('error', fail)
    socket.once('connect', () => {
      settle()
      resolve(socket)
    })
  })
}
