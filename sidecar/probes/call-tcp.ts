import { connect } from 'node:net'
import type { TcpCall } from '#mesh/probes.ts'
import { type CallOptions, type CallOutcome, failed } from './call.ts'

/** Opens a connection to the application and closes it again. */
export function callTcp({ port }: TcpCall, { ip, signal }: CallOptions): Promise<CallOutcome> {
  if (signal.aborted) return Promise.resolve(failed(signal))
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port })
    const end = (outcome: CallOutcome): void => {
      signal.removeEventListener('abort', abort)
      socket.destroy()
      resolve(outcome)
    }
    const abort = (): void => end(failed(signal))
    signal.addEventListener('abort', abort, { once: true })
    socket.on('connect', () => end({ kind: 'good' }))
    socket.on('error', () => end(failed(signal)))
  })
}
