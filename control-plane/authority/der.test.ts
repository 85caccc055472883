import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bitString,
  bitsOf,
  decodeDer,
  encodeDer,
  integer,
  itemsOf,
  sequence,
  smallIntegerOf,
  time,
  utf8,
} from './der.ts'

describe('decoding', () => {
  test('takes canonical DER only, whatever the bytes', () => {
    const tag = fc.constantFrom(0x02, 0x03, 0x04, 0x06, 0x0c, 0x1e, 0x23, 0x24, 0x30, 0x31, 0x80, 0xa0)
    const value = fc.tuple(tag, fc.uint8Array({ maxLength: 20 })).map(([type, bytes]) => {
      return Uint8Array.of(type, bytes.length, ...bytes)
    })
    fc.assert(
      fc.property(fc.oneof(value, fc.uint8Array({ maxLength: 60 })), (bytes) => {
        const decoded = decodeDer(bytes)
        return decoded === undefined || encodeDer(decoded).equals(bytes)
      }),
      { numRuns: 5_000 },
    )
  })

  test.each([
    ['nothing', ''],
    ['a length that is longer than it must be', '04810100'],
    ['an indefinite length', '30800000'],
    ['an integer with a needless zero', '02020001'],
    ['more bytes than its length', '040100ff'],
    ['fewer bytes than its length', '0402ff'],
  ])('refuses %s', (_, hex) => {
    expect(decodeDer(Buffer.from(hex, 'hex'))).toBeUndefined()
  })
})

describe('reading', () => {
  test('what was written', () => {
    const value = decodeDer(encodeDer(sequence(integer(Uint8Array.of(5)), bitString(Uint8Array.of(1, 2)))))
    expect(smallIntegerOf(itemsOf(value)?.[0])).toBe(5)
    expect(bitsOf(itemsOf(value)?.[1])).toEqual(Buffer.of(1, 2))
  })

  test('another kind of value is undefined', () => {
    const text = utf8('a')
    expect([itemsOf(text), bitsOf(text), smallIntegerOf(text), itemsOf(undefined)]).toEqual(
      Array(4).fill(undefined),
    )
    expect(bitsOf(bitString(Uint8Array.of(0x80), 7))).toBeUndefined()
  })

  test('a public key that looks like ASN.1 stays bytes', () => {
    const inner = encodeDer(sequence(integer(Uint8Array.of(1))))
    expect(bitsOf(decodeDer(encodeDer(bitString(inner))))).toEqual(inner)
  })
})

test('times change their form in 2050', () => {
  expect(encodeDer(time(Date.UTC(2049, 11, 31, 23, 59, 59))).toString('latin1', 2)).toBe('491231235959Z')
  expect(encodeDer(time(Date.UTC(2050, 0, 1))).toString('latin1', 2)).toBe('20500101000000Z')
})
