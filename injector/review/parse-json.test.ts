import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { depthLimit, parseJson } from './parse-json.ts'

describe('JSON that may do harm', () => {
  it('is read like any other when it is harmless', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 20 }), (value) => {
        expect(parseJson(JSON.stringify(value))).toEqual({
          kind: 'json',
          value: JSON.parse(JSON.stringify(value)),
        })
      }),
    )
  })

  it('may nest as deep as the limit and no deeper, whatever it nests in', () => {
    const nest = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`
    expect(parseJson(nest(depthLimit)).kind).toBe('json')
    expect(parseJson(nest(depthLimit + 2))).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('100'),
    })
  })

  it('may have brackets without number in its texts', () => {
    const text = `${'['.repeat(1_000)}"\\\\"${'{'.repeat(1_000)}`
    expect(parseJson(JSON.stringify({ text, more: '\\' }))).toEqual({
      kind: 'json',
      value: { text, more: '\\' },
    })
  })

  it('never ends in anything but an answer', () => {
    const pieces = fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a', ':', ',', '1')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 200 }), (parts) => {
        expect(['json', 'refused']).toContain(parseJson(parts.join('')).kind)
      }),
    )
  })

  it('is refused in no time when it is a bomb', () => {
    const began = performance.now()
    expect(parseJson('['.repeat(3_000_000)).kind).toBe('refused')
    expect(performance.now() - began).toBeLessThan(500)
  })
})
