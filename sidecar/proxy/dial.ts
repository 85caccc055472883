import { connect, type Socket } from 'node:net'
import { type EndpointAddress, formatSocketAddress } from '#mesh/address.ts'
import { ConnectError, dialFailure } from './connect-error.ts'
import { closeWithReset } from './linger.ts'

/** How long a TCP dial may take, in milliseconds. */
export const dialLimit = 5_000
/** When both ends are silent for so long, the kernel asks whether the peer is still there. Milliseconds. */
export const keepAliveDelay = 30_000

/**
 * A TCP connection to an address, within `limit` milliseconds; rejects with a ConnectError. Half-open connections are
 * kept.
 */
export function dial(address: EndpointAddress, signal: AbortSignal, limit = dialLimit): Promise<Socket> {
  const where = formatSocketAddress(address)
  return new Promise((resolve, reject) => {
    // An Error is costly for its stack, so none is made before it is needed.
    const cancelled = (): ConnectError => new ConnectError('cancelled', `${where}: the client went away`)
    const late = (): Error => Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })
    if (signal.aborted) return reject(cancelled())
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
      // The kernel may have connected it already: a FIN would be a word that nobody said.
      closeWithReset(socket)
      socket.destroy()
      reject(dialFailure(where, cause))
    }
    const cancel = (): void => fail(cancelled())
    const timer = setTimeout(() => fail(late()), limit)
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
