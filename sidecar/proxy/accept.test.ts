import { connect, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLog } from '#runtime/log.ts'
import { portOf, watched } from '../testing/sockets.ts'
import { listen } from './accept.ts'

let server: Server | undefined
afterEach(() => server?.close())

async function listening(): Promise<{ port: number; refused: string[]; accepted: () => number }> {
  const refused: string[] = []
  let accepted = 0
  server = await listen({
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
    onAccepted: () => {
      accepted += 1
    },
    onRefused: (error, peer) => void refused.push(`${peer}: ${error.name}`),
  })
  return { port: portOf(server), refused, accepted: () => accepted }
}

describe('a listener for redirected connections', () => {
  it('resets what nobody redirected, and says who came', async () => {
    const { port, refused, accepted } = await listening()
    const client = connect(port, '127.0.0.1')
    expect(await watched(client).end).toBe('reset')
    expect([refused, accepted()]).toEqual([['127.0.0.1: NotRedirectedError'], 0])
  })

  it('outlives clients that reset at once, and an accept that fails', async () => {
    const { port, refused } = await listening()
    for (let i = 0; i < 20; i++) {
      const client = connect(port, '127.0.0.1', () => client.resetAndDestroy())
      client.on('error', () => {})
    }
    server!.emit('error', Object.assign(new Error('accept'), { code: 'EMFILE' }))
    expect(await watched(connect(port, '127.0.0.1')).end).toBe('reset')
    expect(refused.length).toBeGreaterThan(0)
  })

  it('names the address that it cannot have', async () => {
    const { port } = await listening()
    const options = { host: '127.0.0.1', port, log: silentLog, onAccepted: () => {}, onRefused: () => {} }
    await expect(listen(options)).rejects.toThrow(`cannot listen on 127.0.0.1 port ${port}`)
  })
})
