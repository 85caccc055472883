import { array, assert, integer, property, shuffledSubarray, uint8Array } from 'fast-check'
import { expect, test } from 'vitest'
import { assembleStreams, type Packet, parsePackets } from './packets.ts'
import { findServerHello } from './server-hello.ts'

const noFlags = { syn: false, fin: false, rst: false }
const [from, to] = ['10.77.1.1:4000', '10.77.1.2:15008']

test('a stream comes together from packets in any order, repeated and overlapping, across the wrap of 2^32', () => {
  const bytes = uint8Array({ minLength: 1, maxLength: 300 })
  const cuts = array(integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 })
  assert(
    property(bytes, cuts, integer({ min: 0, max: 2 ** 32 - 1 }), (data, lengths, start) => {
      const pieces: Packet[] = []
      for (let at = 0, i = 0; at < data.length; i++) {
        const length = lengths[i % lengths.length]!
        const sequence = (start + 1 + at) % 2 ** 32
        pieces.push({
          from,
          to,
          sequence,
          flags: noFlags,
          payload: Buffer.from(data.slice(at, at + length + 5)),
        })
        at += length
      }
      const syn: Packet = {
        from,
        to,
        sequence: start,
        flags: { ...noFlags, syn: true },
        payload: Buffer.alloc(0),
      }
      const [stream] = assembleStreams([syn, ...pieces.toReversed(), ...pieces.slice(0, 2)])
      expect(stream?.bytes.equals(Buffer.from(data))).toBe(true)
    }),
  )
})

test('the same two ports used again are another stream', () => {
  const packet = (sequence: number, text: string, syn = false): Packet => {
    return { from, to, sequence, flags: { ...noFlags, syn }, payload: Buffer.from(text) }
  }
  const packets = [packet(100, '', true), packet(101, 'one'), packet(900, '', true), packet(901, 'two')]
  expect(assembleStreams(packets).map(({ bytes }) => String(bytes))).toEqual(['one', 'two'])
})

test('a capture that is still being written, or is none, is never an uncaught surprise', () => {
  expect(parsePackets(Buffer.alloc(0))).toEqual([])
  expect(() => parsePackets(Buffer.alloc(24))).toThrow('not a capture in pcap format')
  const header = Buffer.alloc(24)
  header.writeUInt32LE(0xa1b2c3d4, 0)
  assert(
    property(uint8Array({ maxLength: 200 }), (rest) => {
      parsePackets(Buffer.concat([header, rest]))
    }),
  )
})

test('a HelloRetryRequest is passed over for the ServerHello that follows', () => {
  const retry = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c'
  const stream = Buffer.concat([hello(retry, 0x001d), hello('11'.repeat(32), 0x11ec)])
  expect(findServerHello(stream)).toEqual({ cipher: 0x1301, group: 'X25519MLKEM768' })
  expect(findServerHello(hello('11'.repeat(32), 0x0200))?.group).toBe('0x0200')
  expect(findServerHello(Buffer.from('HTTP/1.1 200 OK\r\n\r\n'))).toBeUndefined()
})

test('the reader of TLS never throws, whatever the server sent', () => {
  const whole = hello('11'.repeat(32), 0x11ec)
  assert(
    property(uint8Array({ maxLength: 100 }), shuffledSubarray([...whole.keys()]), (bytes, places) => {
      findServerHello(Buffer.from(bytes))
      findServerHello(whole.subarray(0, places.length))
      const bent = Buffer.from(whole)
      for (const [i, byte] of bytes.entries()) bent[places[i] ?? 0] = byte
      findServerHello(bent)
    }),
  )
})

/** A ServerHello in a record of its own, with a key share of that group. */
function hello(random: string, group: number): Buffer {
  const extensions = Buffer.from([0, 43, 0, 2, 3, 4, 0, 51, 0, 2, group >> 8, group & 0xff])
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.from(random, 'hex'),
    Buffer.from([0, 0x13, 0x01, 0, 0, extensions.length]),
    extensions,
  ])
  const length = body.length + 4
  return Buffer.concat([Buffer.from([22, 3, 3, length >> 8, length & 0xff, 2, 0, 0, body.length]), body])
}
