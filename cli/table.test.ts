import { describe, expect, it } from 'vitest'
import { fields, table } from './table.ts'

const head = ['NAME', 'PORT']
const rows = [
  ['backend', '80'],
  ['db', '5432'],
]
const plain = 'NAME     PORT\nbackend  80\ndb       5432'

describe('a table', () => {
  it('has borders on a terminal', () => {
    const lines = table(head, rows, { isTTY: true, columns: 80 }).split('\n')
    expect(lines[0]).toBe('┌─────────┬──────┐')
    expect(lines[1]).toBe('│ NAME    │ PORT │')
  })

  it('has none elsewhere, nor blanks at the end of a line', () => {
    expect(table(head, rows, {})).toBe(plain)
  })

  it('has none on a terminal that is too narrow for them', () => {
    expect(table(head, rows, { isTTY: true, columns: 17 })).toBe(plain)
    expect(table(head, rows, { isTTY: true, columns: 18 })).not.toBe(plain)
  })

  it('shows its head when it has no rows', () => {
    expect(table(head, [], {})).toBe('NAME  PORT')
  })
})

describe('fields', () => {
  it('line up, and leave out what is not known', () => {
    expect(
      fields([
        ['ready', 'yes'],
        ['identity', undefined],
        ['trust', 'cluster.local'],
      ]),
    ).toBe('ready  yes\ntrust  cluster.local')
  })
})
