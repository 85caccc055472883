import { once } from 'node:events'
import { createServer, type Server, Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import { to } from '#mesh/testing/mesh.ts'
import { RefusedError } from '../connections/refusal.ts'
import { portOf, watched } from '../testing/sockets.ts'
import { dial, dialLimit } from './dial.ts'

let server: Server | undefined
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  server?.close()
  server = undefined
})

const never = new AbortController().signal
const somewhere = to('127.0.0.1', 9) as EndpointAddress

async function listening(): Promise<EndpointAddress> {
  server = createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return to('127.0.0.1', portOf(server)) as EndpointAddress
}

describe('dial', () => {
  it('yields a socket that outlives the far end’s FIN', async () => {
    const address = await listening()
    const [socket, [accepted]] = (await Promise.all([dial(address, never), once(server!, 'connection')])) as [
      Socket,
      [Socket],
    ]
    accepted.end('220 ready')
    expect(await watched(socket).end).toBe('fin')
    const answer = watched(accepted)
    socket.end('bye')
    expect(await answer.end).toBe('fin')
    expect(answer.text).toBe('bye')
  })

  it('names an address that refuses', async () => {
    const address = await listening()
    server!.close()
    await expect(dial(address, never)).rejects.toMatchObject({
      failure: 'connection_refused',
      retryable: true,
      message: `127.0.0.1:${address.port}: nothing listens there`,
    })
  })

  it('ends when its signal aborts, and lets go of it', async () => {
    unanswered()
    const abort = new AbortController()
    const remove = vi.spyOn(abort.signal, 'removeEventListener')
    const dialled = dial(somewhere, abort.signal)
    abort.abort(new RefusedError({ kind: 'drained' }))
    await expect(dialled).rejects.toMatchObject({ failure: 'cancelled', retryable: false })
    expect(remove).toHaveBeenCalled()
  })

  it('does not begin when that has happened, and nobody tries elsewhere', async () => {
    const address = await listening()
    let accepted = 0
    server!.on('connection', () => {
      accepted += 1
    })
    const gone = AbortSignal.abort(new RefusedError({ kind: 'drained' }))
    await expect(dial(address, gone)).rejects.toMatchObject({ failure: 'cancelled', retryable: false })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(accepted).toBe(0)
  })

  it('gives up after five seconds, and says what may be in the way', async () => {
    unanswered()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const dialled = expect(dial(somewhere, never)).rejects.toMatchObject({
      failure: 'timeout',
      retryable: true,
    })
    await vi.advanceTimersByTimeAsync(dialLimit - 1)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    await dialled
  })

  it('leaves no timer behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const socket = await dial(await listening(), never)
    expect(vi.getTimerCount()).toBe(0)
    socket.destroy()
  })
})

/** What a dropped SYN looks like to Node: nothing. */
function unanswered(): void {
  vi.spyOn(Socket.prototype, 'connect').mockReturnThis()
}
