import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

/** The rows of traffic and lifecycle that one machine can show. */
const rows = [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 19, 20, 21, 22, 23, 24, 25, 28, 31, 42, 43, 45]
const page = read('docs/reliability.md')
const cases = Array.from(
  page.matchAll(/^\| (\d+) \| [^|]+ \| `([^`]+)` \| (.+) \|$/gm),
  ([, row, file, title]) => {
    return { row: Number(row), file: file!, title: title! }
  },
)

// The table is what a reader goes by: it names a case for each row, and each case is there.
describe('the table of rows in docs/reliability.md', () => {
  test('has every row', () => {
    expect(rows.filter((row) => !cases.some((one) => one.row === row))).toEqual([])
  })

  test.each(cases)('row $row: $title', ({ file, title }) => {
    const source = read(file)
    expect(source.includes(`'${title}'`) || source.includes(`\`${title}\``)).toBe(true)
  })
})

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}
