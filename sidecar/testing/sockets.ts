import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** The two ends of one TCP connection over loopback, both half-open. */
export interface TcpPair extends Disposable {
  /** The end that the code under test is given. */
  readonly inner: Socket
  /** The end of an application. */
  readonly outer: Socket
}

export async function tcpPair(): Promise<TcpPair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const outer = connect({ port: portOf(server), host: '127.0.0.1', allowHalfOpen: true })
  const [[inner]] = (await Promise.all([once(server, 'connection'), once(outer, 'connect')])) as [
    [Socket],
    unknown,
  ]
  server.close()
  // What is asked of a socket is asked through `watched`; its errors are no news to the test.
  outer.on('error', () => {})
  const dispose = (): void => {
    inner.destroy()
    outer.destroy()
  }
  return { inner, outer, [Symbol.dispose]: dispose }
}

export function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new TypeError('the server does not listen on a port')
  return address.port
}

/** What an application saw of its connection so far. */
export interface Watched {
  readonly bytes: number
  readonly text: string
  readonly sha256: string
  /** How the peer ended it: with a FIN, or with a reset (or any other loss). */
  readonly end: Promise<'fin' | 'reset'>
  /** Resolves once so many bytes have come. */
  received(bytes: number): Promise<void>
}

/** Reads a connection as an application does. */
export function watched(stream: Duplex): Watched {
  const hash = createHash('sha256')
  let bytes = 0
  let text = ''
  const end = new Promise<'fin' | 'reset'>((resolve) => {
    stream.once('end', () => resolve('fin'))
    stream.once('error', () => resolve('reset'))
    stream.once('close', () => resolve('reset'))
  })
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    hash.update(chunk)
    if (text.length < 100_000) text += chunk.toString('latin1')
  })
  return {
    get bytes() {
      return bytes
    },
    get text() {
      return text
    },
    get sha256() {
      return hash.copy().digest('hex')
    },
    end,
    async received(wanted) {
      for (;;) {
        if (bytes >= wanted) return
        await once(stream, 'data')
      }
    },
  }
}

/** So many bytes in which no part looks like another, and their checksum. */
export function noise(size: number, seed = 1): { readonly bytes: Buffer; readonly sha256: string } {
  const bytes = Buffer.allocUnsafe(size)
  let state = seed
  for (let i = 0; i + 4 <= size; i += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes.writeUInt32LE(state, i)
  }
  bytes.fill(seed, size - (size % 4))
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}
