import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { tcpPair, watched } from '../testing/sockets.ts'
import { readShared } from './shared-reads.ts'

it('delivers what was read before and after, in order', async () => {
  using pair = await tcpPair()
  // Asks the kernel, and keeps what it has.
  pair.inner.read(0)
  pair.outer.write('early ')
  await expect.poll(() => pair.inner.readableLength).toBe(6)
  let heard = ''
  readShared(pair.inner, (bytes) => {
    heard += bytes.toString()
  })
  pair.inner.resume()
  pair.outer.end('late')
  await watched(pair.inner).end
  expect(heard).toBe('early late')
})

it('lends the same memory to every read of every socket', async () => {
  using one = await tcpPair()
  using other = await tcpPair()
  const memory = new Set<ArrayBufferLike>()
  const heard: number[] = []
  for (const pair of [one, other]) {
    readShared(pair.inner, (bytes) => {
      memory.add(bytes.buffer)
      heard.push(bytes.length)
    })
    pair.inner.resume()
  }
  for (const pair of [one, other, one]) {
    pair.outer.write('x'.repeat(100))
    const before = heard.length
    await expect.poll(() => heard.length).toBe(before + 1)
  }
  expect(memory.size).toBe(1)
})

it('reads nothing while the socket is paused, and loses nothing over it', async () => {
  using pair = await tcpPair()
  let bytes = 0
  let paused = false
  readShared(pair.inner, (chunk) => {
    expect(paused).toBe(false)
    bytes += chunk.length
    paused = true
    pair.inner.pause()
    setTimeout(() => {
      paused = false
      pair.inner.resume()
    }, 1)
  })
  pair.inner.resume()
  pair.outer.end(Buffer.alloc(3_000_000))
  await expect.poll(() => bytes, { timeout: 5_000 }).toBe(3_000_000)
})

it('hears a stream that is no socket by its own chunks', async () => {
  const stream = new PassThrough()
  const heard: string[] = []
  readShared(stream, (bytes) => heard.push(bytes.toString()))
  stream.write('a chunk')
  await expect.poll(() => heard).toEqual(['a chunk'])
})
