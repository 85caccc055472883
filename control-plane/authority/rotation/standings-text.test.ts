import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatWord, parseWord, shortId } from './standings-text.ts'

const standing = fc.record({ acknowledged: fc.boolean(), renewed: fc.boolean(), cleared: fc.boolean() })

test('a replica’s word is read as it was told', () => {
  const pods = fc.array(fc.tuple(fc.uuid(), standing))
  fc.assert(
    fc.property(pods, fc.string(), fc.nat(), (entries, of, beat) => {
      const standings = new Map(entries.map(([podUid, each]) => [shortId(podUid), each]))
      expect(parseWord(formatWord({ of, standings }, beat))).toEqual({ of, standings })
    }),
  )
})

test('anything else is none, without an error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      parseWord(text)
    }),
  )
  for (const text of ['', 'null', '7', '{}', '{"of":"a"}', '{"of":"a","pods":"abc"}', '{"of":1,"pods":""}']) {
    expect(parseWord(text)).toBeUndefined()
  }
})

test('ten thousand pods take a tenth of what a ConfigMap may hold', () => {
  const all = { acknowledged: true, renewed: true, cleared: true }
  const standings = new Map(Array.from({ length: 10_000 }, (_, i) => [shortId(`uid-${i}`), all]))
  expect(standings.size).toBe(10_000)
  expect(formatWord({ of: 'spreading 1', standings }, 1).length).toBeLessThan(125_000)
})
