import { readdirSync, readFileSync } from 'node:fs'
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

describe('the table in docs/compatibility.md', () => {
  const lines = read('docs/compatibility.md').matchAll(/^\| (\d+) \| .* \| ([^|]+) \| ([^|]+) \|$/gm)
  const told = Array.from(lines, ([, row, cluster, namespaces]) => ({
    row: Number(row),
    cluster,
    namespaces,
  }))

  test.each(told)('row $row has the cases that it says', ({ row, cluster, namespaces }) => {
    const named = cases.some((one) => one.row === row)
    expect({ row, cluster: cluster === '✓', namespaces: namespaces === '✓' }).toEqual({
      row,
      cluster: cluster === '✓' && isNamed('test/cluster', row),
      namespaces: namespaces === '✓' && (named || isNamed('test/scenarios', row)),
    })
  })
})

/** Whether the name of a case there begins with the row, alone or among others. */
function isNamed(folder: string, row: number): boolean {
  const files = readdirSync(new URL(`../../${folder}`, import.meta.url)).filter((file) =>
    file.endsWith('.test.ts'),
  )
  const name = new RegExp(`rows? (\\d+(,| and) )*${row}\\b`)
  return files.some((file) => name.test(read(`${folder}/${file}`)))
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}
