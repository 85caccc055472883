import { connect, Server, type Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { openDoor } from './door.ts'
import { doorMetrics } from './door-metrics.ts'
import { silentLog } from './log.ts'
import { createMetrics } from './metrics.ts'

const most = 3
const names = { open: 'open', refused: 'refused', server: 'a test' }

async function open({ together }: { together?: number } = {}) {
  const registry = createMetrics()
  const taken: Socket[] = []
  const warn = vi.fn()
  const error = vi.fn()
  const door = await openDoor(
    { host: '127.0.0.1', port: 0 },
    {
      ofOneAddress: most,
      ...(together !== undefined && { together }),
      take(connection) {
        taken.push(connection.on('error', () => {}).resume())
        connection.write('welcome')
      },
      metrics: doorMetrics(registry, names),
      log: { ...silentLog, warn, error },
    },
  )
  const value = async (name: string, label?: string) => {
    const { values } = await registry.getSingleMetric(name)!.get()
    return values.find(({ labels }) => label === undefined || labels['reason'] === label)?.value ?? 0
  }
  const dial = (localAddress = '127.0.0.1') => {
    const socket = connect({ port: door.port, host: '127.0.0.1', localAddress })
    return socket.on('error', () => {})
  }
  const dispose = () => {
    door.close()
    for (const each of taken) each.destroy()
  }
  return { door, taken, warn, error, dial, value, [Symbol.dispose]: dispose }
}

/** Whether a connection is welcomed; one that is refused is reset. */
async function isLetIn(socket: Socket): Promise<boolean> {
  return await new Promise((resolve) => {
    socket.once('close', () => resolve(false))
    socket.once('data', () => resolve(true))
  })
}

test('one address has so many connections and no more, and another one is let in as before', async () => {
  using opened = await open()
  const { dial, value, warn } = opened
  const ours = Array.from({ length: most + 2 }, () => dial())
  const letIn = await Promise.all(ours.map(isLetIn))
  expect(letIn.filter(Boolean)).toHaveLength(most)
  expect(await isLetIn(dial('127.0.0.2'))).toBe(true)
  expect(await value('open')).toBe(most + 1)
  expect(await value('refused')).toBe(2)
  // Once, however many there were.
  expect(warn.mock.calls).toEqual([
    [expect.any(String), { address: '127.0.0.1', reason: 'too_many_connections', most }],
  ])
})

test('who leaves makes room', async () => {
  using opened = await open()
  const { dial, taken, value } = opened
  for (let turn = 0; turn < 3; turn++) {
    const ours = Array.from({ length: most }, () => dial())
    expect(await Promise.all(ours.map(isLetIn))).toEqual([true, true, true])
    for (const [i, each] of ours.entries()) {
      if (i === 0) each.resetAndDestroy()
      else each.destroy()
    }
    await vi.waitFor(async () => expect(await value('open')).toBe(0))
  }
  expect(taken).toHaveLength(3 * most)
})

test('a place that is taken is named', async () => {
  using opened = await open()
  const { door, taken } = opened
  const again = openDoor(
    { host: '127.0.0.1', port: door.port },
    { ofOneAddress: most, take: () => {}, metrics: doorMetrics(createMetrics(), names), log: silentLog },
  )
  await expect(again).rejects.toThrow(`cannot listen on 127.0.0.1:${door.port}`)
  expect(taken).toEqual([])
})

test('when it is full, whoever has most gives up its oldest, and the newcomer is let in', async () => {
  using opened = await open({ together: 6 })
  const { dial, value, warn } = opened
  const closed: string[] = []
  const enter = async (address: string, name: string) => {
    const socket = dial(address).once('close', () => closed.push(name))
    expect(await isLetIn(socket)).toBe(true)
  }
  await enter('127.0.0.1', 'quiet')
  for (const name of ['a', 'b', 'c']) await enter('127.0.0.2', name)
  for (const name of ['d', 'e']) await enter('127.0.0.3', name)
  await enter('127.0.0.4', 'newcomer')
  await vi.waitFor(() => expect(closed).toEqual(['a']))
  await enter('127.0.0.5', 'another')
  await vi.waitFor(() => expect(closed).toEqual(['a', 'b']))
  expect(await value('open')).toBe(6)
  expect(await value('refused', 'made_room')).toBe(2)
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.any(String), {
    address: '127.0.0.2',
    reason: 'made_room',
    most: 6,
  })
})

test('an accept that fails is told, and ends nothing', async () => {
  const listen = vi.spyOn(Server.prototype, 'listen')
  using opened = await open()
  const server = listen.mock.contexts[0] as Server
  listen.mockRestore()
  server.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
  expect(opened.error).toHaveBeenCalledOnce()
  expect(await isLetIn(opened.dial())).toBe(true)
})

test('a host that is every address is dialled by each', async () => {
  const taken = vi.fn((connection: Socket) => void connection.destroy())
  const door = await openDoor(
    { host: undefined, port: 0 },
    { ofOneAddress: most, take: taken, metrics: doorMetrics(createMetrics(), names), log: silentLog },
  )
  connect({ port: door.port, host: '127.0.0.1' }).on('error', () => {})
  await vi.waitFor(() => expect(taken).toHaveBeenCalledOnce())
  door.close()
})
