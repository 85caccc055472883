import { once } from 'node:events'
import { type IncomingMessage, request, Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type HttpOptions, type HttpServer, serveHttp } from './http.ts'
import { createLog, silentLog } from './log.ts'

let server: HttpServer | undefined
afterEach(() => server?.close())

const routes: HttpOptions['routes'] = {
  'GET /text': () => ({ body: 'hello\n' }),
  'GET /json': ({ query }) => ({ body: { name: query.get('name') } }),
  'GET /typed': () => ({ type: 'text/x', status: 203, body: 'x' }),
  'PUT /echo': async ({ body }) => ({ body }),
  'GET /throws': () => {
    throw new Error('secret reason')
  },
  'GET /rejects': () => Promise.reject(new Error('secret reason')),
  'GET /circular': () => {
    const body: Record<string, unknown> = {}
    body['self'] = body
    return { body }
  },
}

async function start(options: Partial<HttpOptions> = {}): Promise<string> {
  server = await serveHttp({ host: '127.0.0.1', port: 0, routes, log: silentLog, ...options })
  return `http://127.0.0.1:${server.port}`
}

describe('a route', () => {
  it('answers text as text, anything else as JSON, or as it says', async () => {
    const url = await start()
    const plain = await fetch(`${url}/text`)
    expect(plain.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(await plain.text()).toBe('hello\n')
    const json = await fetch(`${url}/json?name=a%20b`)
    expect(json.headers.get('content-type')).toBe('application/json')
    expect(await json.json()).toEqual({ name: 'a b' })
    const typed = await fetch(`${url}/typed`)
    expect([typed.status, typed.headers.get('content-type')]).toEqual([203, 'text/x'])
  })

  it('answers bytes as they are', async () => {
    const url = await start({ routes: { 'GET /bytes': () => ({ type: 'text/x', body: Buffer.from('ä') }) } })
    const answer = await fetch(`${url}/bytes`)
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual(['text/x', 'ä'])
  })

  it('is given the body, up to 64 KiB of it', async () => {
    const url = await start()
    const body = 'ä'.repeat(32 * 1024)
    const answer = await fetch(`${url}/echo`, { method: 'PUT', body })
    expect(await answer.text()).toBe(body)
  })

  it.each([1, 4_000_000])(
    'is not asked when there are %d bytes more, and the caller is told so',
    async (more) => {
      await start()
      const { status, body } = await put('/echo', 'x'.repeat(64 * 1024 + more))
      expect(status).toBe(413)
      expect(body).toContain('65536')
    },
  )

  it('is given whole a body that comes in pieces', async () => {
    await start()
    const sending = request({ host: '127.0.0.1', port: server!.port, path: '/echo', method: 'PUT' })
    const pieces = Array.from({ length: 60 }, (_, i) => 'äö€'.repeat(i))
    for (const piece of pieces) {
      sending.write(piece)
      await delay(1)
    }
    sending.end()
    const [response] = (await once(sending, 'response')) as [IncomingMessage]
    expect(await text(response)).toBe(pieces.join(''))
  })

  it('that fails is answered 500 with no reason, and the reason is in the log', async () => {
    const lines: string[] = []
    const log = createLog({ component: 'test', write: (line) => void lines.push(line) })
    const url = await start({ log })
    for (const path of ['/throws', '/rejects']) {
      const answer = await fetch(`${url}${path}`)
      expect(answer.status).toBe(500)
      expect(await answer.text()).not.toContain('secret')
      expect(lines.pop()).toContain('secret reason')
    }
    expect((await fetch(`${url}/text`)).status).toBe(200)
  })

  it('whose answer cannot be written does not leave its caller waiting', async () => {
    const url = await start()
    const answer = await fetch(`${url}/circular`, { signal: AbortSignal.timeout(2_000) })
    expect(answer.status).toBe(500)
  })
})

describe('a request for something else', () => {
  it.each([
    ['GET', '/nowhere'],
    ['POST', '/text'],
    ['GET', '/constructor'],
    ['GET', '//text'],
  ])('is answered 404 with the routes that there are: %s %s', async (method, path) => {
    const url = await start()
    const answer = await fetch(`${url}${path}`, { method })
    expect(answer.status).toBe(404)
    const { error } = (await answer.json()) as { error: string }
    expect(error).toContain(path === '//text' ? 'GET' : `${method} ${path}`)
    for (const known of Object.keys(routes)) expect(error).toContain(known)
  })

  it('that is no HTTP at all leaves the server as it was', async () => {
    const url = await start()
    const socket = connect(server!.port, '127.0.0.1', () => socket.write('\x16\x03\x01 nonsense\r\n\r\n'))
    await new Promise((resolve) => socket.on('close', resolve).resume())
    expect((await fetch(`${url}/text`)).status).toBe(200)
  })

  it('that breaks off leaves the server as it was', async () => {
    const url = await start()
    const head = 'PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\npart'
    const socket = connect(server!.port, '127.0.0.1', () => socket.write(head))
    await delay(20)
    socket.resetAndDestroy()
    expect((await fetch(`${url}/text`)).status).toBe(200)
  })
})

describe('the server', () => {
  it('names the address that it cannot listen on', async () => {
    await start()
    const again = serveHttp({ host: '127.0.0.1', port: server!.port, routes, log: silentLog })
    await expect(again).rejects.toThrow(`127.0.0.1:${server!.port}`)
  })

  it('outlives an accept that fails', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen')
    const url = await start()
    const inner = listen.mock.contexts[0] as Server
    listen.mockRestore()
    for (let i = 0; i < 2; i++)
      inner.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }))
    expect((await fetch(`${url}/text`)).status).toBe(200)
  })

  it.each<[string, Partial<HttpOptions>, string]>([
    ['all', { maxConnections: 3 }, '127.0.0.2'],
    ['one address', { maxConnectionsOfOneAddress: 3 }, '127.0.0.1'],
  ])('has a limit of connections of %s, and room again when one of them ends', async (_, limits, other) => {
    await start({ host: undefined, ...limits })
    const open = async (localAddress = '127.0.0.1'): Promise<{ socket: Socket; end: Promise<string> }> => {
      const socket = connect({ host: '127.0.0.1', port: server!.port, localAddress })
      const ends = ['close', 'error'].map((event) => once(socket.resume(), event).then(() => 'ended'))
      const end = Promise.race([...ends, delay(200, 'stays')]).catch(() => 'ended')
      await once(socket, 'connect').catch(() => {})
      return { socket, end }
    }
    const three = [await open(), await open(), await open()]
    expect(await (await open(other)).end).toBe('ended')
    expect(await Promise.all(three.map(({ end }) => end))).toEqual(['stays', 'stays', 'stays'])
    three[0]!.socket.destroy()
    await delay(20)
    expect(await (await open(other)).end).toBe('stays')
  })

  it('leaves room for others where one address has all that it may', async () => {
    await start({ host: undefined, maxConnectionsOfOneAddress: 2 })
    for (let i = 0; i < 4; i++)
      connect({ host: '127.0.0.1', port: server!.port, localAddress: '127.0.0.2' }).on('error', () => {})
    await delay(20)
    expect((await fetch(`http://127.0.0.1:${server!.port}/text`)).status).toBe(200)
  })

  it('cuts whoever holds most in bodies that do not end, and serves others', async () => {
    const lines: string[] = []
    const log = createLog({ component: 'test', write: (line) => void lines.push(line) })
    await start({ host: undefined, bodyLimit: 100_000, bodiesLimit: 200_000, log })
    const head = 'PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n'
    const ends: string[] = []
    for (let i = 0; i < 4; i++) {
      const socket = connect({ host: '127.0.0.1', port: server!.port, localAddress: '127.0.0.2' })
      socket.on('error', () => {}).on('close', () => ends.push('cut'))
      socket.write(head + 'x'.repeat(60_000))
    }
    await expect.poll(() => ends.length).toBeGreaterThanOrEqual(1)
    const body = 'y'.repeat(90_000)
    expect(await put('/echo', body)).toEqual({ status: 200, body })
    expect(ends.length).toBeLessThan(4)
    expect(lines.join('')).toContain('127.0.0.2')
    expect(lines.join('')).not.toContain('an endpoint failed')
  })

  it('has whoever holds most connections make room: many addresses together keep nobody out', async () => {
    await start({ host: undefined, maxConnections: 6, maxConnectionsOfOneAddress: 2 })
    for (const last of [2, 3, 4]) {
      for (let i = 0; i < 2; i++)
        connect({ host: '127.0.0.1', port: server!.port, localAddress: `127.0.0.${last}` }).on(
          'error',
          () => {},
        )
    }
    await delay(20)
    for (let i = 0; i < 3; i++) {
      expect((await fetch(`http://127.0.0.1:${server!.port}/text`)).status).toBe(200)
    }
  })

  it('has bodies of requests that are not answered yet among those that make room', async () => {
    const answered = Promise.withResolvers<void>()
    const slow = { 'PUT /slow': () => answered.promise.then(() => ({ body: 'late' })) }
    await start({ bodyLimit: 100_000, bodiesLimit: 200_000, routes: slow })
    const ends = Array.from({ length: 4 }, () => put('/slow', 'x'.repeat(90_000)).catch(() => 'cut'))
    expect(await Promise.race(ends)).toBe('cut')
    await delay(50)
    answered.resolve()
    const all = await Promise.all(ends)
    expect(all.filter((end) => end === 'cut')).toHaveLength(2)
  })

  it('ends what does not get to its point: no head after 5 s, no body after 10 s', {
    timeout: 20_000,
  }, async () => {
    await start()
    const head = 'PUT /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n'
    const started = performance.now()
    const ended = async (said: string): Promise<number> => {
      const socket = connect(server!.port, '127.0.0.1', () => socket.write(said))
      await once(socket.resume(), 'close')
      return performance.now() - started
    }
    const [silent, half] = await Promise.all([ended('PUT'), ended(head)])
    expect(silent).toBeLessThan(8_000)
    expect(half).toBeLessThan(13_000)
  })

  it('closes at once, whoever is still connected', async () => {
    await start()
    const socket = connect(server!.port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    const closed = new Promise((resolve) => socket.once('close', resolve).resume())
    await server!.close()
    await closed
  })
})

describe('a route for everything below a path', () => {
  const below = {
    'GET /below/*': ({ path }: { path: string }) => ({ body: path }),
    'GET /below/here': () => ({ body: 'here' }),
  }

  it('answers there, and nowhere else', async () => {
    const url = await start({ routes: below })
    expect(await (await fetch(`${url}/below/a/b?c`)).text()).toBe('/below/a/b')
    expect(await (await fetch(`${url}/below/here`)).text()).toBe('here')
    for (const path of ['/below', '/belowground/a', '/constructor']) {
      expect((await fetch(url + path)).status).toBe(404)
    }
  })
})

describe('a route that takes its time', () => {
  it('hears when the caller is gone', async () => {
    const gone = Promise.withResolvers<void>()
    const url = await start({
      routes: {
        'GET /slow': async ({ signal }) => {
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
          gone.resolve()
          return { body: 'late' }
        },
      },
    })
    const caller = new AbortController()
    const asked = fetch(`${url}/slow`, { signal: caller.signal })
    setTimeout(() => caller.abort(), 50)
    await expect(asked).rejects.toThrow()
    await gone.promise
  })
})

/** `fetch` gives up on an answer that comes before its body is sent. */
async function put(path: string, body: string): Promise<{ status: number | undefined; body: string }> {
  const sending = request({ host: '127.0.0.1', port: server!.port, path, method: 'PUT' })
  sending.end(body)
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  return { status: response.statusCode, body: await text(response) }
}

describe('an endpoint for loopback only', () => {
  const ask = async (url: string, headers: Record<string, string>): Promise<number> => {
    const asked = request(`${url}/text`, { headers }).end()
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    response.resume()
    return response.statusCode ?? 0
  }

  it.each(['127.0.0.1:15000', 'localhost', '[::1]:15000'])('answers %s', async (host) => {
    expect(await ask(await start({ loopbackOnly: true }), { host })).toBe(200)
  })

  it.each([
    { host: 'rebind.example' },
    { host: '127.0.0.1.example' },
    { host: '127.0.0.1', origin: 'http://a.example' },
  ])('refuses %j', async (headers) => {
    expect(await ask(await start({ loopbackOnly: true }), headers)).toBe(403)
  })
})
