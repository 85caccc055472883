import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const page = read('docs/security-tests.md')
const lines = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| what is (tried|promised) /.test(line))
const cases = Array.from(
  page.matchAll(/^\| ([^|]+) \| `([^`]+)` \| (.+) \|$/gm),
  ([, tried, file, title]) => {
    return { tried: tried!, file: file!, title: title! }
  },
)

// The table is what a reader goes by: each attack and promise names a case, and each case is there.
describe('the table of attacks in docs/security-tests.md', () => {
  test('names a case in every line', () => {
    expect(cases).toHaveLength(lines.length)
    expect(cases.length).toBeGreaterThan(50)
  })

  test.each(cases)('$tried: $title', ({ file, title }) => {
    const source = read(file)
    const written = [`'${title}'`, `"${title}"`, `\`${title}\``]
    expect(written.some((text) => source.includes(text))).toBe(true)
  })
})

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
}
