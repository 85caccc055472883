import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sameContent } from './same-content.ts'

describe('sameContent', () => {
  test('a copy is the same', () => {
    fc.assert(
      fc.property(fc.anything({ withMap: true, withSet: true, maxDepth: 3 }), (value) => {
        expect(sameContent(structuredClone(value), structuredClone(value))).toBe(true)
      }),
    )
  })

  test('what is encoded differently is not the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const [left, right] = [JSON.stringify(a, sorted), JSON.stringify(b, sorted)]
        if (left !== right) expect(sameContent(a, b)).toBe(false)
      }),
    )
  })

  test.each([
    [
      'maps in another order',
      new Map([
        ['a', 1],
        ['b', 2],
      ]),
      new Map([
        ['b', 2],
        ['a', 1],
      ]),
    ],
    ['a field that is undefined and one that is absent', { a: undefined }, { b: undefined }],
    ['one more item', [1], [1, 2]],
    ['one more entry', new Set([1]), new Set([1, 2])],
    ['other bytes', Uint8Array.of(1), Uint8Array.of(2)],
    ['an array and an object of the same keys', ['a'], { 0: 'a' }],
    ['two objects that this cannot look into', new Date(0), new Date(0)],
    ['nothing and an object', null, {}],
  ])('not %s', (_, a, b) => {
    expect(sameContent(a, b)).toBe(false)
  })
})

/** Fields in the order of their names. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}
