import { createServer, type Server, Socket } from 'node:net'
import { afterEach, expect, it, vi } from 'vitest'
import { ip } from '#mesh/testing/mesh.ts'
import { portOf, watched } from '../testing/sockets.ts'
import { Knocks } from './knocks.ts'

const host = ip('127.0.0.6')
let server: Server | undefined
afterEach(() => {
  vi.restoreAllMocks()
  server?.close()
  server = undefined
})

/** How each connection to it ended. */
const ends: Promise<'fin' | 'reset'>[] = []

async function listening(port = 0): Promise<number> {
  ends.length = 0
  server = createServer((socket) => void ends.push(watched(socket.on('error', () => {})).end))
  await new Promise<void>((resolve) => server!.listen(port, host, resolve))
  return portOf(server)
}

it('is answered where somebody listens, who hears nothing, and only as long as that is so', async () => {
  const knocks = new Knocks({ port: await listening() })
  expect(await knocks.answered(host)).toBe(true)
  await expect.poll(() => ends.length).toBe(1)
  expect(await ends[0]).toBe('reset')
  server!.close()
  expect(await knocks.answered(host)).toBe(false)
})

it('is not answered where nobody listens, and is asked again the next time', async () => {
  const port = await listening()
  server!.close()
  const knocks = new Knocks({ port })
  expect(await knocks.answered(host)).toBe(false)
  await listening(port)
  expect(await knocks.answered(host)).toBe(true)
})

it('takes silence for no, asks once for all who want to know, and asks again after a while', async () => {
  const port = await listening()
  // What a dropped SYN looks like to Node: nothing.
  const dialled = vi.spyOn(Socket.prototype, 'connect').mockReturnThis()
  const knocks = new Knocks({ port, patience: 20, memory: 40 })
  const asked = Array.from({ length: 3 }, () => knocks.answered(host))
  expect(await Promise.all(asked)).toEqual([false, false, false])
  expect(await knocks.answered(host)).toBe(false)
  expect(dialled).toHaveBeenCalledTimes(1)
  dialled.mockRestore()
  await expect.poll(() => knocks.answered(host)).toBe(true)
})

it('does not guess where it has not the means to ask', async () => {
  const exhausted = Object.assign(new Error('too many open files'), { code: 'EMFILE' })
  vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket) {
    process.nextTick(() => this.destroy(exhausted))
    return this
  })
  await expect(new Knocks().answered(host)).rejects.toMatchObject({ failure: 'resource_limit' })
})
