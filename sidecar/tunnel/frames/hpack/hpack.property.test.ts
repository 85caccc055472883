import { connect, createServer } from 'node:http2'
import { duplexPair } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConnectionFault } from '../connection-fault.ts'
import { frame, RawPeer } from '../testing/raw-peer.ts'
import { HpackDecoder } from './decoder.ts'
import { HpackEncoder } from './encoder.ts'

const name = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/)
const value = fc
  .oneof(
    fc.string({
      unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
      maxLength: 60,
    }),
    fc.constantFrom('a', 'value', '0'.repeat(200)),
  )
  // Which Node strips, and which it takes for no value.
  .map((text) => text.replaceAll('\x7f', '').trim())
const fields = fc.array(fc.record({ name, value }), { maxLength: 12 })

test('what is encoded is decoded, block after block, whatever the table', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 2 })
  fc.assert(
    fc.property(fc.array(fc.tuple(sizes, fields), { maxLength: 20 }), (blocks) => {
      const encoder = new HpackEncoder()
      const decoder = new HpackDecoder(4_096, 64 * 1024)
      for (const [tableSizes, list] of blocks) {
        for (const size of tableSizes) encoder.setPeerTableSize(size)
        expect(decoder.decode(encoder.encode(list))).toEqual(list)
      }
    }),
    { numRuns: 300 },
  )
})

test('any bytes are decoded or refused', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (blocks) => {
      const decoder = new HpackDecoder(4_096, 64 * 1024)
      try {
        for (const block of blocks) decoder.decode(Buffer.from(block))
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectionFault)
      }
    }),
    { numRuns: 3_000 },
  )
})

test('reads what node:http2 encodes', async () => {
  const [near, far] = duplexPair()
  const peer = new RawPeer(far, 'server')
  peer.send(frame('settings', 0, 0))
  const session = connect('http://any', { createConnection: () => near })
  session.on('error', () => {})
  await fc.assert(
    fc.asyncProperty(uniqueFields(), async (list) => {
      const before = peer.heads.length
      const headers = Object.fromEntries(list.map(({ name, value }) => [name, value]))
      const request = session.request({ ':method': 'CONNECT', ':authority': '10.0.0.1:80', ...headers })
      request.on('error', () => {})
      await peer.until(() => peer.heads.length > before)
      const { streamId, fields } = peer.heads.at(-1)!
      expect(fields?.slice(2)).toEqual(list)
      peer.send(frame('rstStream', 0, streamId, Buffer.of(0, 0, 0, 8)))
    }),
    { numRuns: 200 },
  )
  session.destroy()
})

test('writes what node:http2 reads', async () => {
  const server = createServer()
  const [near, far] = duplexPair()
  server.emit('connection', far)
  const peer = new RawPeer(near, 'client')
  let streamId = -1
  await fc.assert(
    fc.asyncProperty(uniqueFields(), async (list) => {
      streamId += 2
      const got = new Promise<Record<string, unknown>>((resolve) => {
        server.once('stream', (stream, headers) => {
          stream.on('error', () => {})
          resolve(headers)
          stream.close(8)
        })
      })
      const request = [
        { name: ':method', value: 'CONNECT' },
        { name: ':authority', value: '10.0.0.1:80' },
        ...list,
      ]
      peer.send(frame('headers', 4, streamId, peer.encoder.encode(request)))
      const headers = await got
      for (const { name, value } of list) expect(headers[name]).toBe(value)
    }),
    { numRuns: 200 },
  )
  near.destroy()
  server.close()
})

/** Node puts values of one name together, which says nothing of HPACK. */
function uniqueFields(): typeof fields {
  return fc.uniqueArray(fc.record({ name, value }), { selector: ({ name }) => name, maxLength: 12 })
}
