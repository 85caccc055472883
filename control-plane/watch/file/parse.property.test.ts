import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { parseRegistry } from './parse.ts'
import { good, problemsOf } from './testing/good-file.ts'

describe('a hostile file', () => {
  const bomb = `a: &a [x]\n${'bcdefgh'.replace(/./g, (c) => `${c}: &${c} [${'*a,'.repeat(20)}]\n`)}`

  test.each([
    ['an alias bomb', bomb.replace('a: &a', 'mesh: &a'), /uses an anchor too often: write the values out/],
    ['an anchor that holds itself', 'mesh: &m { m: *m }', /./],
    ['a hundred thousand brackets', '['.repeat(100_000), /./],
    ['twenty million spaces', `mesh: ${' '.repeat(20_000_000)}`, /at most 16777216/],
    [
      '__proto__',
      'mesh: { networks: [10.77.0.0/16], __proto__: { egress: registry-only } }',
      /__proto__: is not a field/,
    ],
    ['a merge key', 'mesh: { <<: { networks: [10.77.0.0/16] } }', /mesh\["<<"\]: is not a field/],
    ['a key that is a mapping', '? { a: 1 }\n: 2', /is not a field/],
  ])('%s', (_, text, message) => {
    expect(problemsOf(text).join('\n')).toMatch(message)
  })
})

describe('whatever is in the file', () => {
  test('any text is read or refused with places inside of it', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), answered), { numRuns: 500 })
  })

  test('any YAML is read or refused', () => {
    const value = fc.jsonValue({ maxDepth: 4 })
    const file = fc.record(
      { mesh: value, workloads: value, services: value, policies: value },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(file, value), (document) => answered(stringify(document))),
      { numRuns: 500 },
    )
  })

  test('the good file with lines dropped, doubled or swapped is read or refused', () => {
    const lines = good.split('\n')
    const order = fc.array(fc.nat(lines.length - 1), { minLength: 1, maxLength: lines.length })
    fc.assert(
      fc.property(order, (picked) => answered(picked.map((i) => lines[i]).join('\n'))),
      { numRuns: 500 },
    )
  })

  test('the good file with some characters changed is read or refused', () => {
    const change = fc.record({
      at: fc.nat(good.length - 1),
      to: fc.constantFrom(...'{}[]:,-&*!|>\'"%@`#\n\t a0'.split('')),
    })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
        const text = good.split('')
        for (const { at, to } of changes) text[at] = to
        return answered(text.join(''))
      }),
      { numRuns: 1_000 },
    )
  })

  function answered(text: string): boolean {
    const parsed = parseRegistry(text)
    if ('state' in parsed) return true
    const lines = text.split('\n').length + 1
    return (
      parsed.problems.length > 0 &&
      parsed.problems.every(({ line, column }) => line >= 1 && line <= lines && column >= 1)
    )
  }
})

test('ten thousand workloads are read in a moment', () => {
  const workloads = Array.from({ length: 10_000 }, (_, i) => ({
    name: `pod-${i}`,
    namespace: 'shop',
    addresses: [`10.77.${i >> 8}.${i & 255}`],
    labels: { app: `app-${i % 50}` },
  }))
  const began = performance.now()
  expect(problemsOf(stringify({ mesh: { networks: ['10.77.0.0/16'] }, workloads }))).toEqual([])
  expect(performance.now() - began).toBeLessThan(10_000)
})
