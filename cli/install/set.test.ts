import { describe, expect, it } from 'vitest'
import { parseSet } from './set.ts'
import { mergeValues, type Values } from './values.ts'

describe('--set', () => {
  it.each([
    ['a=1', { a: 1 }],
    ['a.b.c=x', { a: { b: { c: 'x' } } }],
    ['a.b=1,a.c=2', { a: { b: 1, c: 2 } }],
    ['a=1,a=2', { a: 2 }],
    ['a=true,b=false,c=0,d=-5', { a: true, b: false, c: 0, d: -5 }],
    ['a=0755,b=1.5,c=99999999999999999999', { a: '0755', b: '1.5', c: '99999999999999999999' }],
    ['a=', { a: '' }],
    ['a=b=c', { a: 'b=c' }],
    ['a={x,y},b=z', { a: ['x', 'y'], b: 'z' }],
    ['a={1,x\\,y}', { a: [1, 'x,y'] }],
    ['a\\.b=x\\,y', { 'a.b': 'x,y' }],
  ])('%s', (text, values) => {
    expect(parseSet(text).reduce<Values>(mergeValues, {})).toEqual(values)
  })

  it('takes a value away with null', () => {
    expect(parseSet('a.b=null').reduce<Values>(mergeValues, { a: { b: 1, c: 2 } })).toEqual({ a: { c: 2 } })
  })

  it.each(['', 'a', '=1', 'a..b=1', 'a[0]=1'])('refuses %j', (text) => {
    expect(() => parseSet(text)).toThrow(/^weft install: --set /)
  })
})

describe('values over values', () => {
  it('are laid mapping by mapping, and lists whole', () => {
    expect(mergeValues({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { c: [3] }, e: { f: null, g: 1 } })).toEqual({
      a: { b: 1, c: [3] },
      d: 1,
      e: { g: 1 },
    })
  })

  it('never reach the prototype', () => {
    const merged = mergeValues({}, JSON.parse('{"__proto__": {"polluted": true}}') as Values)
    expect(Object.getPrototypeOf(merged)).toBe(Object.prototype)
    expect(({} as Values)['polluted']).toBeUndefined()
  })
})
