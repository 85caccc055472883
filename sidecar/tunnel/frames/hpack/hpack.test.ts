import { describe, expect, test } from 'vitest'
import { ConnectionFault } from '../connection-fault.ts'
import { HpackDecoder } from './decoder.ts'
import { DynamicTable } from './dynamic-table.ts'
import { HpackEncoder } from './encoder.ts'

const listSize = 64 * 1024

function decodeAll(tableSize: number, ...blocks: readonly string[]): (string[] | undefined)[] {
  const decoder = new HpackDecoder(tableSize, listSize)
  return blocks.map((hex) => {
    const fields = decoder.decode(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    return fields?.map(({ name, value }) => `${name}: ${value}`)
  })
}

const requests = [
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
  [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
  [
    ':method: GET',
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  ],
]

describe('the examples of RFC 7541, appendix C', () => {
  test('literals of each kind', () => {
    expect(decodeAll(4_096, '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572')).toEqual([
      ['custom-key: custom-header'],
    ])
    expect(decodeAll(4_096, '040c 2f73 616d 706c 652f 7061 7468')).toEqual([[':path: /sample/path']])
    expect(decodeAll(4_096, '1008 7061 7373 776f 7264 0673 6563 7265 74')).toEqual([['password: secret']])
  })

  test('requests without Huffman code', () => {
    const blocks = [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ]
    expect(decodeAll(4_096, ...blocks)).toEqual(requests)
  })

  test('requests with Huffman code', () => {
    const blocks = [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ]
    expect(decodeAll(4_096, ...blocks)).toEqual(requests)
  })

  test('responses with Huffman code, which push one another out of a small table', () => {
    const date = 'date: Mon, 21 Oct 2013 20:13:21 GMT'
    const location = 'location: https://www.example.com'
    const blocks = [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
    ]
    expect(decodeAll(256, ...blocks)).toEqual([
      [':status: 302', 'cache-control: private', date, location],
      [':status: 307', 'cache-control: private', date, location],
    ])
  })
})

describe('a malformed block', () => {
  test.each([
    ['an index of 0', '80'],
    ['an index beyond the table', 'be'],
    ['a name beyond the table', '7f 00'],
    ['a string that is cut off', '40 05 61'],
    ['a field without its value', '40 01 61'],
    ['an integer that never ends', 'ff ff ff ff ff ff ff ff'],
    ['an integer that is cut off', 'ff'],
    ['a table size above what was announced', '3f e2 1f'],
    ['a table size amid fields', '82 20'],
    ['Huffman padding of eight bits', '40 81 ff 01 61'],
    ['Huffman padding of zeros', '40 81 18 01 61'],
    ['the end-of-string symbol', '40 84 ff ff ff ff 01 61'],
  ])('of %s ends the connection', (_what, hex) => {
    expect(() => decodeAll(4_096, hex)).toThrow(ConnectionFault)
  })
})

test('a list above the limit is dropped and the table stays in step', () => {
  const encoder = new HpackEncoder()
  const decoder = new HpackDecoder(4_096, 200)
  const kept = { name: 'x-kept', value: 'a'.repeat(100) }
  const many = [kept, { name: 'x-more', value: 'b'.repeat(100) }]
  expect(decoder.decode(encoder.encode(many))).toBeUndefined()
  expect(decoder.decode(encoder.encode([kept]))).toEqual([kept])
})

test('a block of references to one large field is not unfolded', () => {
  const decoder = new HpackDecoder(4_096, listSize)
  const field = { name: 'x', value: 'b'.repeat(4_000) }
  decoder.decode(new HpackEncoder().encode([field]))
  const before = process.memoryUsage().heapUsed
  expect(decoder.decode(Buffer.alloc(64 * 1024, 0xbe))).toBeUndefined()
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20e6)
})

test('the second request for a destination takes two bytes', () => {
  const encoder = new HpackEncoder()
  const request = [
    { name: ':method', value: 'CONNECT' },
    { name: ':authority', value: '10.77.0.12:8080' },
  ]
  expect(encoder.encode(request).length).toBeGreaterThan(20)
  expect(encoder.encode(request).length).toBe(2)
})

test('a table that the peer makes smaller is announced, and followed', () => {
  const encoder = new HpackEncoder()
  const field = { name: 'x-name', value: 'value' }
  encoder.encode([field])
  encoder.setPeerTableSize(0)
  encoder.setPeerTableSize(100)
  const decoder = new HpackDecoder(4_096, listSize)
  const block = encoder.encode([field])
  expect([...block.subarray(0, 3)]).toEqual([0x20, 0x3f, 100 - 31])
  expect(decoder.decode(block)).toEqual([field])
  expect(decoder.decode(encoder.encode([field]))).toEqual([field])
})

test('a table that is exactly full keeps everything, and one byte less loses the oldest', () => {
  const table = new DynamicTable(2 * (32 + 6))
  const [first, second] = [
    { name: 'one', value: '111' },
    { name: 'two', value: '222' },
  ]
  table.add(first)
  table.add(second)
  expect([table.get(0), table.get(1), table.get(2)]).toEqual([second, first, undefined])
  table.resize(2 * (32 + 6) - 1)
  expect([table.get(0), table.get(1)]).toEqual([second, undefined])
  table.add({ name: 'large', value: 'x'.repeat(100) })
  expect([table.length, table.size]).toEqual([0, 0])
})
