import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { AccessOptions } from './access.ts'
import { type ApiClient, createApiClient } from './client.ts'
import { isAbsent, isConflict, isExpired } from './errors.ts'

interface Served extends AsyncDisposable {
  readonly client: ApiClient
  readonly seen: { readonly request: IncomingMessage; readonly body: string }[]
}

async function serve(
  answer: (response: ServerResponse, request: IncomingMessage) => void,
  { options = () => ({}), prefix = '' }: { options?: () => AccessOptions; prefix?: string } = {},
): Promise<Served> {
  const seen: { request: IncomingMessage; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      seen.push({ request, body })
      answer(response, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const client = createApiClient({
    server: new URL(`http://127.0.0.1:${port}${prefix}`),
    options: () => Promise.resolve(options()),
  })
  return {
    client,
    seen,
    async [Symbol.asyncDispose]() {
      client.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a request', () => {
  test('shows the credentials of that moment, which may have been rotated', async () => {
    let token = 'first'
    const options = () => ({ headers: { authorization: `Bearer ${token}` } })
    await using served = await serve((response) => response.end('{}'), { options })
    await served.client.request({ path: '/a' })
    token = 'second'
    await served.client.request({ path: '/a' })
    expect(served.seen.map(({ request }) => request.headers.authorization)).toEqual([
      'Bearer first',
      'Bearer second',
    ])
  })

  test('goes to a server behind a path, with its query', async () => {
    await using served = await serve((response) => response.end('{"a":1}'), { prefix: '/clusters/one/' })
    const query = { limit: '500', continue: undefined, fieldSelector: 'metadata.name=a&b' }
    expect(await served.client.request({ path: '/api/v1/pods', query })).toEqual({ a: 1 })
    expect(served.seen[0]?.request.url).toBe(
      '/clusters/one/api/v1/pods?limit=500&fieldSelector=metadata.name%3Da%26b',
    )
  })

  test('has a body of known length whatever its method, so that the next one on the connection is read', async () => {
    await using served = await serve((response) => response.end('{}'))
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      await served.client.request({ method, path: '/a', body: { text: 'größer' } })
    }
    expect(served.seen.map(({ body }) => body)).toEqual(Array.from({ length: 4 }, () => '{"text":"größer"}'))
    const sockets = new Set(served.seen.map(({ request }) => request.socket.remotePort))
    expect(sockets.size).toBe(1)
  })
})

describe('an answer', () => {
  const refusing = (status: number, body: unknown) =>
    serve((response) => {
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body))
    })

  test('that refuses is an error that says what was asked and why not', async () => {
    const status = { kind: 'Status', code: 403, reason: 'Forbidden', message: 'pods is forbidden' }
    await using served = await refusing(403, status)
    const error = { name: 'ApiError', status: 403, reason: 'Forbidden', message: 'GET /a: pods is forbidden' }
    await expect(served.client.request({ path: '/a' })).rejects.toMatchObject(error)
    await expect(served.client.stream({ path: '/a' })).rejects.toMatchObject(error)
  })

  test.each([
    [410, { reason: 'Expired', message: 'too old' }, isExpired],
    [409, { reason: 'AlreadyExists' }, isConflict],
    [404, '404 page not found\n', isAbsent],
  ])('of status %i is told apart', async (status, body, is) => {
    await using served = await refusing(status, body)
    const error: unknown = await served.client.request({ path: '/a' }).catch((reason: unknown) => reason)
    expect([isExpired, isConflict, isAbsent].filter((each) => each(error))).toEqual([is])
  })

  test('that is no JSON, late, or none at all is an API server that cannot be reached', async () => {
    await using garbled = await serve((response) => response.end('<html>'))
    await expect(garbled.client.request({ path: '/a' })).rejects.toMatchObject({ name: 'ApiUnreachable' })
    await using silent = await serve(() => {})
    const late = silent.client.request({ path: '/a', timeout: 50 })
    await expect(late).rejects.toMatchObject({
      name: 'ApiUnreachable',
      message: 'GET /a failed',
      cause: expect.objectContaining({ message: 'no answer within 0.05 s' }),
    })
    await using cutting = await serve((response) => response.destroy())
    await expect(cutting.client.request({ path: '/a' })).rejects.toMatchObject({ name: 'ApiUnreachable' })
  })

  test('that is larger than there is room for is told apart, and read no further', async () => {
    let ended = false
    await using served = await serve((response) => {
      response.on('close', () => (ended = true))
      const write = () => !response.destroyed && response.write(Buffer.alloc(1024 * 1024, 32), write)
      write()
    })
    await expect(served.client.request({ path: '/a' })).rejects.toMatchObject({
      name: 'AnswerTooLarge',
      message: 'GET /a failed',
      cause: expect.objectContaining({ message: 'the answer is over 16777216 bytes' }),
    })
    await expect.poll(() => ended).toBe(true)
  })

  test('that streams is not cut by the limit on its beginning', async () => {
    await using served = await serve((response) => {
      response.write('first')
      setTimeout(() => response.end('last'), 150)
    })
    const response = await served.client.stream({ path: '/a', timeout: 50 })
    let text = ''
    for await (const chunk of response as AsyncIterable<Buffer>) text += chunk.toString()
    expect(text).toBe('firstlast')
  })

  test('is not waited for any longer once nobody wants it', async () => {
    await using served = await serve(() => {})
    const end = new AbortController()
    const asked = served.client.request({ path: '/a', signal: end.signal })
    end.abort()
    await expect(asked).rejects.toMatchObject({ name: 'ApiUnreachable' })
  })
})
