import { createServer, type Server, Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { EndpointAddress } from '#mesh/address.ts'
import { ip } from '#mesh/testing/mesh.ts'
import { type Application, application } from '../testing/application.ts'
import { portOf, watched } from '../testing/sockets.ts'
import { Knocks } from './knocks.ts'

const host = ip('127.0.0.6')
const never = new AbortController().signal
let server: Server | undefined
/** How each connection to the tunnel port ended. */
const ends: Promise<'fin' | 'reset'>[] = []
afterEach(() => {
  vi.restoreAllMocks()
  ends.length = 0
  server?.close()
  server = undefined
})

/** Somebody who listens at the tunnel port. */
async function sidecar(port = 0): Promise<number> {
  server = createServer((socket) => void ends.push(watched(socket.on('error', () => {})).end))
  await new Promise<void>((resolve) => server!.listen(port, host, resolve))
  return portOf(server)
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const port = await sidecar()
  await new Promise((resolve) => server!.close(resolve))
  return port
}

/** Whether the application is reached; its connection ends at once. */
async function reached(knocks: Knocks, { port }: Application): Promise<boolean | string> {
  try {
    const socket = await knocks.dial({ ip: host, port } as EndpointAddress, never)
    socket.on('error', () => {}).resetAndDestroy()
    return true
  } catch (error) {
    return (error as { failure: string }).failure
  }
}

describe('an address that was no meshed pod’s', () => {
  it('is not dialled where somebody listens at the tunnel port, who hears nothing', async () => {
    await using app = await application(host)
    const knocks = new Knocks({ port: await sidecar() })
    expect(await reached(knocks, app)).toBe('meshed_since')
    await expect.poll(() => ends.length).toBe(1)
    expect(await ends[0]).toBe('reset')
    expect(app.connections).toEqual([])
  })

  it('is dialled where nobody does, and asked again the next time', async () => {
    await using app = await application(host)
    const port = await closedPort()
    const knocks = new Knocks({ port })
    expect(await reached(knocks, app)).toBe(true)
    await sidecar(port)
    expect(await reached(knocks, app)).toBe('meshed_since')
  })

  it('is not dialled where there are not the means to ask', async () => {
    await using app = await application(host)
    const exhausted = Object.assign(new Error('too many open files'), { code: 'EMFILE' })
    vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket) {
      process.nextTick(() => this.destroy(exhausted))
      return this
    })
    expect(await reached(new Knocks(), app)).toBe('resource_limit')
    expect(app.connections).toEqual([])
  })
})

describe('an address that is silent at the tunnel port', () => {
  const connect = Socket.prototype.connect

  /** Drops what goes to that port: to Node that looks like nothing at all. Answers how often that was. */
  function dropping(dropped: number): () => number {
    let count = 0
    vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...asked: unknown[]) {
      const [options] = asked.flat() as [{ port?: number }]
      if (options.port !== dropped) return Reflect.apply(connect, this, asked) as Socket
      count += 1
      return this
    })
    return () => count
  }

  it('is dialled, asked once for all who wait, and not again for a while', async () => {
    await using app = await application(host)
    const port = await sidecar()
    const asked = dropping(port)
    const knocks = new Knocks({ port, patience: 20, memory: 100 })
    const three = Array.from({ length: 3 }, () => reached(knocks, app))
    expect(await Promise.all(three)).toEqual([true, true, true])
    expect(await reached(knocks, app)).toBe(true)
    expect(asked()).toBe(1)
    vi.restoreAllMocks()
    await expect.poll(() => reached(knocks, app)).toBe('meshed_since')
  })

  it('is asked again at once where the dial fails: whoever was there may be gone', async () => {
    const port = await sidecar()
    dropping(port)
    const knocks = new Knocks({ port, patience: 20 })
    const app = await application(host)
    expect(await reached(knocks, app)).toBe(true)
    await app[Symbol.asyncDispose]()
    expect(await reached(knocks, app)).toBe('connection_refused')
    vi.restoreAllMocks()
    expect(await reached(knocks, app)).toBe('meshed_since')
  })

  it('is asked every time while nobody is reached there', async () => {
    const port = await sidecar()
    const asked = dropping(port)
    const knocks = new Knocks({ port, patience: 20 })
    const gone = await application(host)
    await gone[Symbol.asyncDispose]()
    for (let i = 0; i < 3; i++) expect(await reached(knocks, gone)).toBe('connection_refused')
    expect(asked()).toBe(3)
  })
})
