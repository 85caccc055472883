import { connect, type Socket } from 'node:net'
import { expect, test, vi } from 'vitest'
import { silentLog } from '#runtime/log.ts'
import { createMetrics } from '#runtime/metrics.ts'
import { openDoor } from './door.ts'
import { doorMetrics } from './metrics.ts'

const most = 3

async function open() {
  const registry = createMetrics()
  const taken: Socket[] = []
  const warn = vi.fn()
  const door = await openDoor(
    { host: '127.0.0.1', port: 0 },
    {
      most,
      take: (connection) => void taken.push(connection.on('error', () => {}).resume()),
      metrics: doorMetrics(registry),
      log: { ...silentLog, warn },
    },
  )
  const value = async (name: string) => (await registry.getSingleMetric(name)!.get()).values[0]?.value ?? 0
  const dial = (localAddress = '127.0.0.1') => {
    const socket = connect({ port: door.port, host: '127.0.0.1', localAddress })
    return socket.on('error', () => {})
  }
  const dispose = () => {
    door.close()
    for (const each of taken) each.destroy()
  }
  return { door, taken, warn, dial, value, [Symbol.dispose]: dispose }
}

/** Whether a connection stays open: one that is refused is reset at once. */
async function isLetIn(socket: Socket): Promise<boolean> {
  return await new Promise((resolve) => {
    socket.once('close', () => resolve(false))
    setTimeout(resolve, 100, true)
  })
}

test('one address has so many connections and no more, and another one is let in as before', async () => {
  using opened = await open()
  const { dial, value, warn } = opened
  const ours = Array.from({ length: most + 2 }, () => dial())
  const letIn = await Promise.all(ours.map(isLetIn))
  expect(letIn.filter(Boolean)).toHaveLength(most)
  expect(await isLetIn(dial('127.0.0.2'))).toBe(true)
  expect(await value('weft_control_plane_connections')).toBe(most + 1)
  expect(await value('weft_control_plane_connections_refused_total')).toBe(2)
  // Once, however many there were.
  expect(warn.mock.calls).toEqual([[expect.any(String), { address: '127.0.0.1', most }]])
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
    await vi.waitFor(async () => expect(await value('weft_control_plane_connections')).toBe(0))
  }
  expect(taken).toHaveLength(3 * most)
})

test('a place that is taken is named', async () => {
  using opened = await open()
  const { door, taken } = opened
  const again = openDoor(
    { host: '127.0.0.1', port: door.port },
    { most, take: () => {}, metrics: doorMetrics(createMetrics()), log: silentLog },
  )
  await expect(again).rejects.toThrow(`cannot listen on 127.0.0.1:${door.port}`)
  expect(taken).toEqual([])
})
